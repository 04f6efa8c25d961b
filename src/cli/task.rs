//! Explaining any number of pictures in one go: one session, batches, one bar.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use super::bar::Bar;
use super::files::Explanation;
use super::output::{self, Outputs};
use super::question::Asked;
use super::report::{Report, Subject};
use super::{Context, Failure, Outcome, inline, say};
use crate::attribution::{self, Attribution, AttributionError, MethodId, Question};
use crate::engine::EngineError;
use crate::look::Look;
use crate::map;
use crate::model::gallery::Origin;
use crate::model::preprocess::Prepared;
use crate::network::{Network, NetworkError};
use crate::terminal::probe::Capabilities;

/// What to do with which pictures.
pub struct Task {
    /// The pictures.
    pub pictures: Vec<Origin>,
    /// What is asked about each.
    pub asked: Asked,
    /// How the maps look.
    pub look: Look,
    /// Files to write.
    pub outputs: Outputs,
    /// What goes to stdout.
    pub printed: Printed,
    /// How many classes to list.
    pub top: usize,
}

/// What goes to stdout while pictures are explained.
#[derive(Clone, Debug)]
pub enum Printed {
    /// One object at the end.
    Json,
    /// The figures of each picture.
    Text,
    /// The painted picture above them, drawn as the terminal can.
    PictureAndText(Capabilities),
}

type Anything = Box<dyn Error + Send + Sync>;

/// A picture on its way through the network.
struct Ready<'a> {
    index: usize,
    origin: &'a Origin,
    prepared: Prepared,
}

impl Task {
    /// Explains the pictures. One that fails is reported and skipped, and the exit code is then 1.
    pub fn run(&self, network: &mut Network, context: &Context) -> Outcome {
        let names = output::names(&self.pictures);
        self.outputs.spare(&self.pictures, &names)?;
        network.notes().iter().for_each(|note| say(&format!("note: {note}")));
        let bar = Bar::new(self.pictures.len(), matches!(self.printed, Printed::Json));
        let (mut results, mut failed) = (Vec::new(), Vec::new());
        let mut fail = |origin: &Origin, error: Anything| {
            // Nobody is left to explain to, or the whole run was given up.
            if context.cancel.is_cancelled() || error.is::<io::Error>() {
                return Err(Failure::Failed(error));
            }
            bar.while_hidden(|| say(&format!("error: {error}")));
            failed.push(json!({ "picture": origin.argument(), "error": error.to_string() }));
            Ok(())
        };
        // Integrated gradients fill their batches with the steps of one picture.
        let batch = match self.asked.method {
            MethodId::IntegratedGradients => 1,
            _ => attribution::batch(network, &self.asked.parameters),
        };
        let numbered: Vec<(usize, &Origin)> = self.pictures.iter().enumerate().collect();
        for chunk in numbered.chunks(batch) {
            let mut ready = Vec::with_capacity(chunk.len());
            for (index, origin) in chunk {
                bar.step(*index, &names[*index], 0, 1);
                match prepare(network, origin) {
                    Ok(prepared) => ready.push(Ready { index: *index, origin, prepared }),
                    Err(error) => fail(origin, error)?,
                }
            }
            // What fails here fails for every picture: the network, the method or the device.
            let start = Instant::now();
            let attributions = self.attribute(network, &ready, context, &bar)?;
            let seconds = start.elapsed().as_secs_f64() / chunk.len() as f64;
            for (ready, attribution) in ready.into_iter().zip(attributions) {
                let (index, origin) = (ready.index, ready.origin);
                let mut explanation = self.explanation(network, ready, attribution, seconds);
                let finished = explanation
                    .write(&self.outputs.files(&names[index]), network.preprocess())
                    .map_err(Anything::from)
                    .and_then(|()| bar.while_hidden(|| self.print(&explanation)));
                match finished {
                    Ok(()) => results.push(explanation.report),
                    Err(error) => fail(origin, error)?,
                }
                bar.step(index, &names[index], 1, 1);
            }
        }
        drop(bar);
        if matches!(self.printed, Printed::Json) {
            print_json(&results, &failed)?;
        }
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Asks about several pictures at once.
    fn attribute(
        &self,
        network: &mut Network,
        ready: &[Ready<'_>],
        context: &Context,
        bar: &Bar,
    ) -> Result<Vec<Attribution>, AttributionError> {
        let Asked { method, class, of, layer, ref parameters } = self.asked;
        let question = |each| Question { input: each, class, of, layer, parameters };
        let questions: Vec<Question<'_>> = ready.iter().map(|each| question(&each.prepared.input)).collect();
        let mut progress = |place: usize, progress: attribution::Progress| {
            if let Some(each) = ready.get(place) {
                bar.step(each.index, &each.origin.name(), progress.done, progress.total);
            }
        };
        let answers = attribution::explain_all(network, method, &questions, &context.cancel, &mut progress)?;
        // What a cancel left unfinished is no explanation to write down.
        if answers.iter().any(|answer| answer.done < answer.total) {
            return Err(NetworkError::from(EngineError::Cancelled).into());
        }
        Ok(answers)
    }

    fn explanation(&self, network: &Network, ready: Ready<'_>, attribution: Attribution, seconds: f64) -> Explanation {
        let prepared = ready.prepared;
        let (_, height, width) = prepared.input.dim();
        let map = map::make(&attribution.raw, &self.look, (height, width));
        let subject = Subject {
            picture: &ready.origin.argument(),
            attribution: &attribution,
            map: &map,
            look: &self.look,
            parameters: &self.asked.parameters,
            seconds,
        };
        let report = Report::new(network, &subject, self.top);
        Explanation { prepared, attribution, map, report }
    }

    fn print(&self, explanation: &Explanation) -> Result<(), Anything> {
        match &self.printed {
            Printed::Json => return Ok(()),
            Printed::PictureAndText(terminal) => inline::draw(&explanation.painted(), terminal)?,
            Printed::Text => {}
        }
        let text = explanation.report.text(&explanation.map)?;
        Ok(writeln!(io::stdout(), "{text}")?)
    }
}

fn prepare(network: &Network, origin: &Origin) -> Result<Prepared, Anything> {
    Ok(network.preprocess().prepare(&origin.open()?)?)
}

/// One object for one picture; for several, the results and what failed.
fn print_json(results: &[Report], failed: &[Value]) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Several<'a> {
        results: &'a [Report],
        failed: &'a [Value],
    }
    let mut stdout = io::stdout().lock();
    match (results, failed) {
        ([report], []) => serde_json::to_writer_pretty(&mut stdout, report),
        _ => serde_json::to_writer_pretty(&mut stdout, &Several { results, failed }),
    }
    .map_err(io::Error::from)?;
    Ok(writeln!(stdout)?)
}
