//! The only place that touches the terminal: data to stdout, all else to stderr.

use std::io::{self, BufRead, IsTerminal, Write};

use anstream::AutoStream;
use mesh_render::escape;
use mesh_render::style::{Styling, Tone};

use mesh_fleet::run::Run;

use crate::cli::Color;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::progress::ProgressLine;

/// Standard output, error and input.
pub(crate) struct Output {
    stdout: AutoStream<io::Stdout>,
    stderr: AutoStream<io::Stderr>,
    verbosity: u8,
    interrupt: Option<Interrupt>,
    /// Whether nobody reads stdout any more.
    is_unread: bool,
}

impl Output {
    /// Colour as `color` says: on a terminal, unless `NO_COLOR` is set, when it says nothing.
    pub(crate) fn new(color: Color, verbosity: u8) -> Self {
        let choice = match color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        let stdout = AutoStream::new(io::stdout(), choice_for(choice, &io::stdout()));
        let stderr = AutoStream::new(io::stderr(), choice_for(choice, &io::stderr()));
        Self { stdout, stderr, verbosity, interrupt: None, is_unread: false }
    }

    /// How renderers style text for stdout.
    pub(crate) fn styling(&self) -> Styling {
        Styling { coloured: self.stdout.current_choice() != anstream::ColorChoice::Never }
    }

    /// Writes data to stdout. `text` was escaped by its renderer. Nobody reading it any more is no error, and changes
    /// nothing of how a run ends: its exit status still tells what was found.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), CommandError> {
        if self.is_unread {
            return Ok(());
        }
        match self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_unread = true,
            Err(error) => {
                return Err(CommandError::new(Exit::NothingDone, "cannot write to standard output").because(error));
            }
            Ok(()) => {}
        }
        Ok(())
    }

    /// Writes data to stdout that somebody has to agree to. False when nobody reads it any more.
    pub(crate) fn shown(&mut self, text: &str) -> Result<bool, CommandError> {
        self.data(text)?;
        Ok(!self.is_unread)
    }

    /// Writes a line to stderr, escaped. Nobody reading it is no reason to stop.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.stderr, "{}", escape::lines(text));
    }

    /// Writes a line to stderr where `-v` asks for it.
    pub(crate) fn detail(&mut self, text: &str) {
        if self.verbosity > 0 {
            self.note(text);
        }
    }

    /// Writes `warning: …` to stderr.
    pub(crate) fn warning(&mut self, text: &str) {
        self.labelled(Tone::Hold, "warning", text);
    }

    /// Writes an error with its hints to stderr, and says how to end.
    pub(crate) fn error(&mut self, error: &CommandError) -> Exit {
        self.labelled(Tone::Remove, "error", &error.message());
        if !error.hints().is_empty() {
            self.note("");
        }
        for hint in error.hints() {
            self.labelled(Tone::Heading, "hint", hint);
        }
        error.exit
    }

    /// From now on Ctrl-C (and a termination) is noticed instead of ending the program.
    pub(crate) fn notice_interrupts(&mut self) -> Result<(), CommandError> {
        if self.interrupt.is_none() {
            self.interrupt = Some(Interrupt::notice()?);
        }
        Ok(())
    }

    /// A run that has no other end was ended as it should be: that is no interruption of it.
    pub(crate) fn forget_interrupt(&mut self) {
        self.interrupt = None;
    }

    /// Whether somebody asked to stop by now.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.as_ref().is_some_and(Interrupt::is_asked)
    }

    /// Does `work`, which a person can stop, and shows on a terminal how far it is.
    pub(crate) fn watched<R>(&self, work: impl FnOnce(Run<'_>) -> R) -> R {
        let line = ProgressLine::new();
        let run = Run { interrupted: &|| self.is_interrupted(), progress: &|progress| line.show(progress) };
        work(run)
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks on the terminal; only `y` or `yes` is a yes.
    pub(crate) fn ask(&mut self, question: &str) -> bool {
        let _ = write!(self.stderr, "{} [y/N] ", escape::lines(question));
        let _ = self.stderr.flush();
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }

    fn labelled(&mut self, tone: Tone, label: &str, text: &str) {
        let label = Styling::COLOURED.paint(tone, label);
        let _ = writeln!(self.stderr, "{label}: {}", escape::lines(text));
    }
}

fn choice_for(choice: anstream::ColorChoice, stream: &impl anstream::stream::RawStream) -> anstream::ColorChoice {
    match choice {
        anstream::ColorChoice::Auto => AutoStream::choice(stream),
        chosen => chosen,
    }
}
