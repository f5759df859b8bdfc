//! `kubectl mesh graph`.

use clap::{Args, ValueEnum};
use mesh_plan::graph::graph;
use mesh_render::document;
use mesh_render::graph::{self as render, Drawing, dot, html, mermaid, svg};

use crate::cli::{GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Draw names, the clusters that call and run them, weights, gateways, and findings in red
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: GraphFormat,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// The form of a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// Text that forges and wikis draw
    #[default]
    Mermaid,
    /// Text for Graphviz
    Dot,
    /// A picture that stands alone
    Svg,
    /// A page that stands alone: the picture and tables, with a filter
    Html,
    /// A versioned document
    Json,
    /// The same document in YAML
    Yaml,
}

/// Reads the fleet and draws it.
pub(crate) fn run(args: &GraphArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take_with_traffic(global, output)?;
    let scope = args.scope.scope();
    let mut plan = reading.plan(&scope)?;
    plan.findings = reading.check(&plan, &scope).findings;
    let graph = graph(&reading.snapshot, reading.fleet.policy(), &reading.desired, &plan, &scope);
    let drawing = Drawing::of(&graph);
    let (text, mut notes) = match args.output {
        GraphFormat::Json => (document::to_json(&render::document(&graph)), Vec::new()),
        GraphFormat::Yaml => (document::to_yaml(&render::document(&graph)), Vec::new()),
        GraphFormat::Dot => (dot::render(&drawing), Vec::from_iter(drawing.note())),
        GraphFormat::Svg => (svg::render(&drawing), Vec::from_iter(drawing.note())),
        GraphFormat::Html => (html::render(&drawing), Vec::from_iter(drawing.note())),
        GraphFormat::Mermaid => {
            let text = mermaid::render(&drawing);
            let refuses = render::mermaid_refuses(&drawing, &text);
            (text, drawing.note().into_iter().chain(refuses).collect())
        }
    };
    output.data(&text)?;
    notes.extend(tolerance::warnings(&plan.coverage));
    for note in notes {
        output.warning(&note);
    }
    Ok(tolerance::exit_by_coverage(&plan.coverage, args.tolerance.allow_unseen))
}
