//! What this cluster holds, as reviews ask for it: kept by watches, read without a lock.

mod beat;
mod contribution;
mod entry;
mod labels;
mod live;
mod packed;
mod shared;
mod sight;
mod source;
mod watched;
mod watched_object;

pub(crate) use live::LiveIndex;
pub(crate) use watched::{Watched, client, follow, resource_of};
