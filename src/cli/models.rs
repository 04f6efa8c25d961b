//! `lensor models`: the networks inside the program.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

use super::Outcome;
use crate::model::bundled::{Bundled, PICTURES};
use crate::model::card::Card;
use crate::model::gallery::Origin;
use crate::model::source::Opened;

/// List the bundled networks and pictures
#[derive(Debug, clap::Args)]
pub struct Models {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints what the cards say, and the names of the pictures.
pub fn run(args: &Models) -> Outcome {
    let opened: Vec<Opened> = Bundled::ALL.iter().map(|bundled| bundled.open()).collect::<Result<_, _>>()?;
    let cards: Vec<Card> = opened.into_iter().filter_map(|opened| opened.card).map(|(card, _)| card).collect();
    let pictures: Vec<String> = PICTURES.iter().map(Origin::name).collect();
    let mut stdout = io::stdout().lock();
    if args.json {
        writeln!(stdout, "{:#}", json!({ "models": cards, "pictures": pictures }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for card in &cards {
        let (input, labels) = (&card.input, &card.output.labels);
        writeln!(stdout, "{}: {}", card.name, card.description)?;
        writeln!(
            stdout,
            "  input    {} × {}, {} classes: {}",
            input.width,
            input.height,
            labels.len(),
            labels.join(", ")
        )?;
        for (key, value) in &card.provenance {
            writeln!(stdout, "  {key}: {value}")?;
        }
    }
    writeln!(stdout, "pictures, by the names that lensor takes:\n  {}", pictures.join("\n  "))?;
    Ok(ExitCode::SUCCESS)
}
