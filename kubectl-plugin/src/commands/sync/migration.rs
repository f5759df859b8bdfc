//! Leave for what a changed setting of the policy moves: `--yes` does not give it.

use mesh_plan::migration::migrations;
use mesh_plan::plan::Plan;

use crate::error::CommandError;
use crate::output::Output;
use crate::reading::Reading;

/// Asks for each migration that `plan` writes, unless `yes` said so beforehand.
pub(super) fn is_agreed(
    yes: bool,
    is_shown: bool,
    reading: &Reading,
    plan: &Plan,
    output: &mut Output,
) -> Result<bool, CommandError> {
    if yes {
        return Ok(true);
    }
    let migrations = migrations(plan, &reading.snapshot, reading.fleet.policy());
    for migration in migrations.iter().filter(|migration| migration.is_written) {
        if !Output::can_ask() {
            let message = format!("this is a migration, for which --yes is not enough: {migration}");
            return Err(CommandError::usage(message)
                .hint("add --yes-migrate if that is meant, or correct the policy; --dry-run writes nothing"));
        }
        if !is_shown || !output.ask(&format!("This is a migration: {migration}. Is that meant?")) {
            return Ok(false);
        }
    }
    Ok(true)
}
