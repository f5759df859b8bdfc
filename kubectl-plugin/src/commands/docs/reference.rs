//! `docs/commands.md`: every verb with its flags, exit codes and an example.

use std::fmt::Write as _;

use clap::{Arg, Command};

const INTRODUCTION: &str = "# Commands

<!-- Made by `cargo xtask docs`; edit the commands' own help instead. -->

`kubectl mesh VERB` and `kubectl-mesh VERB` are the same. Data goes to standard output, all else to standard error. The
same pages for `man` are in [man/](man/).

## Exit status

When several apply, the first of this table is the one:

| status | meaning |
| --- | --- |
| 2 | usage or bad input |
| 5 | the saved plan is stale |
| 130 | interrupted; what was done until then is reported |
| 4 | nothing could be done |
| 3 | partial: something is unseen, held or failed; `--allow-unseen` tolerates some |
| 1 | differences (`diff`, `plan --exit-code`), findings (`check`), not found (`whereis`, `explain`, a NAME), declined |
| 0 | otherwise |
";

/// Exit codes beside 0 and 2, and an example, by command.
const VERBS: [(&str, &str, &str); 35] = [
    ("check", "1 findings, 3, 4", "kubectl mesh check --fleet examples/bookstore --fail-on error"),
    ("completion bash", "4", "source <(kubectl-mesh completion bash)"),
    ("completion fish", "4", "kubectl-mesh completion fish | source"),
    ("completion install", "4", "kubectl mesh completion install --dir ~/.local/bin"),
    ("completion powershell", "4", "kubectl-mesh completion powershell | Out-String | Invoke-Expression"),
    ("completion zsh", "4", "source <(kubectl-mesh completion zsh)"),
    ("diff", "1 differences, 3, 4", "kubectl mesh diff --fleet examples/bookstore payments"),
    ("explain", "1 not found, 3", "kubectl mesh explain payments retail-us-west endpoints --fleet examples/bookstore"),
    ("fleet add", "1 declined, 3, 4", "kubectl mesh fleet add retail-eu --region eu-west-1 --fleet fleet"),
    ("fleet init", "1 declined, 3, 4", "kubectl mesh fleet init --fleet fleet"),
    ("fleet list", "3", "kubectl mesh fleet list --fleet examples/bookstore"),
    ("fleet retire", "1 declined, 3, 4", "kubectl mesh fleet retire retail-eu --fleet fleet"),
    ("graph", "1 not found, 3, 4", "kubectl mesh graph --fleet examples/bank -o html > mesh.html"),
    ("names adopt", "1 declined, 3, 4", "kubectl mesh names adopt --dry-run --fleet examples/bookstore"),
    ("names claim", "1 declined, 3, 4", "kubectl mesh names claim stage.pay.global --owner team-pay"),
    ("names conflicts", "1 findings, 3", "kubectl mesh names conflicts --fleet examples/bookstore"),
    ("names enforce", "1 declined, 3, 4, 130", "kubectl mesh names enforce stage.pay.global --dry-run"),
    ("names list", "1 not found, 3", "kubectl mesh names list 'prod.*' --fleet examples/bookstore"),
    ("names prune", "1 declined, 3, 4", "kubectl mesh names prune --older-than 90d --dry-run"),
    ("names release", "1 declined, 3, 4", "kubectl mesh names release stage.pay.global"),
    ("names transfer", "1 declined, 3, 4", "kubectl mesh names transfer stage.pay.global --to team-checkout"),
    ("permissions", "", "kubectl mesh permissions sync | kubectl apply -f -"),
    ("plan", "1 changes (`--exit-code`), 3, 4", "kubectl mesh plan --fleet examples/bookstore"),
    ("policy import", "4", "kubectl mesh policy import --admiral-flags flags.txt > mesh.yaml"),
    ("policy push", "1 declined, 3, 4", "kubectl mesh policy push mesh.yaml --fleet 'contexts:prod-*'"),
    ("policy schema", "", "kubectl mesh policy schema > mesh.schema.json"),
    ("policy show", "", "kubectl mesh policy show --fleet examples/bookstore"),
    ("render", "3, 4", "kubectl mesh render --fleet examples/bookstore --output-dir out"),
    ("status", "3", "kubectl mesh status --fleet examples/bookstore"),
    ("sync", "1 declined, 3, 4, 5, 130", "kubectl mesh sync --fleet fleet --yes"),
    (
        "trace",
        "1 broken or not found, 3",
        "kubectl mesh trace channels-dublin/mobile/app ledger --fleet examples/bank --planned",
    ),
    ("version", "", "kubectl mesh version -o json"),
    ("webhook promote", "3, 4 nobody refused what it must", "kubectl mesh webhook promote --namespace shop"),
    ("webhook status", "1 something is wrong, 3, 4", "kubectl mesh webhook status"),
    ("whereis", "1 not found, 3", "kubectl mesh whereis payments --fleet examples/bookstore"),
];

/// The whole page.
pub(super) fn page(command: &Command) -> String {
    let mut text = INTRODUCTION.to_owned();
    text += "\n## Options of every command\n\n";
    text += &options(command.get_arguments().filter(|arg| arg.is_global_set()));
    for subcommand in visible(command) {
        section(subcommand, subcommand.get_name(), &mut text);
    }
    text
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set())
}

/// A command, or the commands that it stands for.
fn section(command: &Command, name: &str, text: &mut String) {
    if visible(command).next().is_some() {
        for subcommand in visible(command) {
            section(subcommand, &format!("{name} {}", subcommand.get_name()), text);
        }
        return;
    }
    let _ = writeln!(text, "\n## {name}\n");
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "{}.\n", about.trim_end_matches('.'));
    let usage = command.clone().bin_name(format!("kubectl mesh {name}")).render_usage().to_string();
    let _ = writeln!(text, "```console\n{}\n```\n", usage.trim_start_matches("Usage: "));
    text.push_str(&options(command.get_arguments().filter(|arg| !arg.is_global_set())));
    let Some((_, exits, example)) = VERBS.iter().find(|(verb, ..)| *verb == name) else {
        panic!("{name} has no line in the table of verbs")
    };
    let exits = if exits.is_empty() { String::new() } else { format!("{exits}, ") };
    let _ = writeln!(text, "\nExit status: 0, {exits}2.\n\nExample:\n\n```sh\n{example}\n```");
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut rows = String::new();
    for arg in args.filter(|arg| !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version") {
        let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(rows, "| `{}` | {} |", cell(&spelling(arg)), cell(&(help + &values(arg))));
    }
    if rows.is_empty() { String::new() } else { format!("| argument | meaning |\n| --- | --- |\n{rows}") }
}

/// `-o, --output <FORMAT>`, or `NAME…`.
fn spelling(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let takes_value = arg.get_action().takes_values();
    let value = value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
    if arg.is_positional() {
        let many = arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        return format!("{value}{}", if many { "…" } else { "" });
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if takes_value { format!("{flags} <{value}>") } else { flags }
}

/// Possible values and the default, where they say something.
fn values(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let mut text = String::new();
    let possible: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if !possible.is_empty() {
        let _ = write!(text, "; one of {}", possible.join(", "));
    }
    let default: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if !default.is_empty() && !arg.is_hide_default_value_set() {
        let _ = write!(text, "; default {}", default.join(", "));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_exit_codes_and_an_example() {
        let page = page(&super::super::described());
        for line in page.lines().filter(|line| line.starts_with("```console")) {
            assert_eq!(line, "```console");
        }
        assert!(page.contains("## whereis\n"));
        assert!(page.contains("## completion install\n"));
        assert!(!page.contains("__"), "hidden commands are not documented");
    }
}
