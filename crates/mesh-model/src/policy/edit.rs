//! Editing the member list of a `mesh.yaml` that a person wrote: comments and order stay.
//!
//! The edit works on lines, and what it makes is read again: it counts only if it is exactly the policy that was meant.
//! Where it is not (`members` in flow style, anchors, …), the list alone is written anew; where that fails too, nothing
//! is changed.

use thiserror::Error;

use super::validate::Problem;
use super::{FleetPolicy, Member, MemberState, MeshPolicy, PolicyError, message, minimal_yaml, parse};
use lines::Lines;

mod lines;

/// Why the member list was not edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The text is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy would break a rule.
    #[error("{file}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// The rule.
        problem: Problem,
    },
    /// A member of this name is there.
    #[error("{name:?} is a member already")]
    AlreadyMember {
        /// The name.
        name: String,
    },
    /// A member of this name was retired.
    #[error("{name:?} is a retired member; to bring it back, set its state to active in {file}")]
    RetiredMember {
        /// The name.
        name: String,
        /// The file.
        file: String,
    },
    /// No member has this name.
    #[error("no member is called {name:?}")]
    NotAMember {
        /// The name.
        name: String,
    },
    /// The member is retired already.
    #[error("{name:?} is retired already")]
    AlreadyRetired {
        /// The name.
        name: String,
    },
    /// The layout of the text cannot be edited line by line.
    #[error("{file}: the layout cannot be edited safely; write `fleet.members` as a list with one `- name:` a member")]
    Layout {
        /// The file.
        file: String,
    },
}

/// The text of a new policy with these members and every default.
pub fn init(members: &[Member]) -> Result<String, Problem> {
    let policy = MeshPolicy { fleet: FleetPolicy { members: members.to_vec() }, ..MeshPolicy::default() };
    policy.validate()?;
    Ok(minimal_yaml(&policy))
}

/// `text` with one member more and the revision raised by one; `file` is only for messages.
///
/// In a directory fleet a first member in the list turns all folders that are not listed into strangers: callers add
/// the folders, too ([`add_members`]).
pub fn add_member(text: &str, file: &str, member: &Member) -> Result<String, EditError> {
    add_members(text, file, std::slice::from_ref(member))
}

/// `text` with these members added at the end of the list and the revision raised by one.
pub fn add_members(text: &str, file: &str, members: &[Member]) -> Result<String, EditError> {
    let policy = parse(text, file)?;
    for member in members {
        let name = member.name.to_string();
        match policy.member(&member.name).map(|there| there.state) {
            Some(MemberState::Active) => return Err(EditError::AlreadyMember { name }),
            Some(MemberState::Retired) => return Err(EditError::RetiredMember { name, file: message::escape(file) }),
            None => {}
        }
    }
    let mut wanted = policy;
    wanted.fleet.members.extend_from_slice(members);
    written(text, file, wanted, |lines, _| lines.append_members(members))
}

/// `text` with this member retired and the revision raised by one.
pub fn retire_member(text: &str, file: &str, name: &str) -> Result<String, EditError> {
    let mut wanted = parse(text, file)?;
    let Some(nth) = wanted.fleet.members.iter().position(|member| &*member.name == name) else {
        return Err(EditError::NotAMember { name: name.into() });
    };
    let member = &mut wanted.fleet.members[nth];
    if member.state == MemberState::Retired {
        return Err(EditError::AlreadyRetired { name: name.into() });
    }
    member.state = MemberState::Retired;
    written(text, file, wanted, |lines, fleet| lines.retire(nth, fleet))
}

/// `text` with a revision above `stored`, where one is stored and its own is not above it; comments and order stay.
pub fn raise_revision(text: &str, file: &str, stored: Option<u64>) -> Result<String, EditError> {
    let mut wanted = parse(text, file)?;
    let Some(least) = stored.map(|stored| stored + 1).filter(|least| wanted.revision < *least) else {
        return Ok(text.to_owned());
    };
    // One is added there.
    wanted.revision = least - 1;
    written(text, file, wanted, |_, _| Some(()))
}

/// The gentlest edit that reads back as `wanted` with its revision raised.
fn written(
    text: &str,
    file: &str,
    mut wanted: MeshPolicy,
    gently: impl FnOnce(&mut Lines, &FleetPolicy) -> Option<()>,
) -> Result<String, EditError> {
    wanted.revision += 1;
    wanted.validate().map_err(|problem| EditError::Invalid { file: message::escape(file), problem })?;
    let read = Lines::read(text);
    let attempt = |edit: &mut dyn FnMut(&mut Lines) -> Option<()>| {
        let mut lines = read.clone();
        lines.set_revision(wanted.revision)?;
        edit(&mut lines)?;
        let written = lines.to_string();
        (parse(&written, file).as_ref() == Ok(&wanted)).then_some(written)
    };
    let mut gently = Some(gently);
    attempt(&mut |lines| gently.take()?(lines, &wanted.fleet))
        .or_else(|| attempt(&mut |lines| lines.rewrite_members(&wanted.fleet)))
        .or_else(|| attempt(&mut |lines| lines.rewrite_fleet(&wanted.fleet)))
        .ok_or_else(|| EditError::Layout { file: message::escape(file) })
}

#[cfg(test)]
mod tests;
