//! Claims: recorded, carried, handed over, adopted; in folders and in real clusters.

mod adopted;
mod clusters;
mod folders;
