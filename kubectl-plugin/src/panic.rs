//! What is said of a bug: where it is, and what the program's text says there, but nothing of what was read or sent.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, Location};

use mesh_render::escape;

/// From now on a panic tells no data: a message that is put together at run time may quote a credential, or a cluster.
pub(crate) fn tell_without_data() {
    panic::set_hook(Box::new(|info| {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "{}", in_words(info.payload(), info.location()));
        // Names of functions and files only; with RUST_BACKTRACE, as ever.
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            let _ = writeln!(std::io::stderr(), "{backtrace}");
        }
    }));
}

fn in_words(payload: &(dyn Any + Send), location: Option<&Location<'_>>) -> String {
    let place = location.map_or_else(|| "somewhere".to_owned(), ToString::to_string);
    // Only a text that stands in the program is one of these. That of an `expect` is put together; its line is told.
    let what = payload.downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD);
    format!("error: a bug of this program at {place}: {}\n\nhint: {HINT}", escape::line(what))
}

const WITHHELD: &str = "what is wrong is not shown, since it may quote what was read";
const HINT: &str =
    "please report this line, and what was run; what was written stays as it is, and running again is safe";

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its Debug is read")]
    struct Leaky {
        token: &'static str,
    }

    fn told(bug: impl FnOnce() + panic::UnwindSafe) -> String {
        in_words(&*panic::catch_unwind(bug).unwrap_err(), Some(Location::caller()))
    }

    #[test]
    fn a_panic_tells_where_it_is_and_no_data() {
        let leaky = || Err::<(), _>(Leaky { token: "c4n4ry" });
        for text in [
            told(|| leaky().expect("a token is good")),
            told(|| panic!("{:?}", leaky())),
            told(|| assert_eq!(leaky().map_err(drop), Ok(()), "c4n4ry {:?}", leaky())),
            told(|| panic::panic_any("c4n4ry".to_owned())),
        ] {
            assert!(text.contains("panic.rs:") && text.contains(WITHHELD) && !text.contains("c4n4ry"), "{text}");
        }
        let literal = told(|| unreachable!());
        assert!(literal.contains("unreachable"), "{literal}");
    }
}
