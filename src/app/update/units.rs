//! Moving the unit under the cursor: channels, rows, pages, layers. Must not order any work.

use super::step::clamped;
use crate::app::command::Command;
use crate::app::state::State;
use crate::app::view::{Field, View};
use crate::model::unit::Unit;

/// Channels, or rows, of a greater step.
const FAR: isize = 4;

/// Carries out a command that moves the unit under the cursor; false where the view has none or it is another command.
pub fn carry_out(state: &mut State, view: &dyn View, command: Command) -> bool {
    let Some(layers) = view.unit_layers(state) else { return false };
    match command {
        Command::LayerNext => layer(state, &layers, 1),
        Command::LayerPrevious => layer(state, &layers, -1),
        Command::StepFirst => across(state, view, |_| isize::MIN),
        Command::StepLast => across(state, view, |_| isize::MAX),
        Command::StepNext => across(state, view, |_| 1),
        Command::StepPrevious => across(state, view, |_| -1),
        Command::StepFarNext => across(state, view, |_| FAR),
        Command::StepFarPrevious => across(state, view, |_| -FAR),
        Command::RowNext => rows(state, view, 1),
        Command::RowPrevious => rows(state, view, -1),
        Command::RowFarNext => rows(state, view, FAR),
        Command::RowFarPrevious => rows(state, view, -FAR),
        Command::PageNext => across(state, view, |field| (field.columns * field.rows) as isize),
        Command::PagePrevious => across(state, view, |field| -((field.columns * field.rows) as isize)),
        Command::ChannelNext => across(state, view, |_| 1),
        Command::ChannelPrevious => across(state, view, |_| -1),
        Command::ContrastNext => state.cursor.contrast = state.cursor.contrast.step(1),
        _ => return false,
    }
    true
}

/// Looks closer at one unit and back, in the views that have something to show of it; false for another command.
pub fn look_closer(state: &mut State, command: Command) -> bool {
    match command {
        // Enter tries again what has failed.
        Command::Recompute if state.refusal().is_none() => state.cursor.close = !state.cursor.close,
        Command::Back if state.cursor.close => state.cursor.close = false,
        _ => return false,
    }
    true
}

/// To the unit of this number; see [`Unit::number`].
pub fn pick(state: &mut State, number: usize) {
    if let Some(unit) = state.facts().and_then(|facts| Unit::of_number(number, &facts.layers)) {
        (state.cursor.layer, state.cursor.channel) = (unit.layer, unit.channel);
    }
}

/// So many of the layers on, not beyond the ends; from a layer that is none of them to those beside it.
fn layer(state: &mut State, layers: &[usize], by: isize) {
    let current = state.cursor.layer;
    let at = match layers.binary_search(&current) {
        Ok(at) => clamped(at, by, layers.len()),
        // Between two of them, one step on is the one after it.
        Err(after) => clamped(after, if by > 0 { by - 1 } else { by }, layers.len()),
    };
    state.cursor.layer = layers.get(at).copied().unwrap_or(current);
}

/// So many channels on in the order in which they lie, not beyond the ends.
fn across(state: &mut State, view: &dyn View, by: impl Fn(&Field) -> isize) {
    let field = view.field(state);
    if let Some(to) = position(state, &field).and_then(|at| field.order.get(clamped(at, by(&field), field.order.len())))
    {
        state.cursor.channel = *to;
    }
}

/// So many rows on in the same column, as far as there are rows; in the last row to its last channel.
fn rows(state: &mut State, view: &dyn View, by: isize) {
    let field = view.field(state);
    let (Some(at), columns) = (position(state, &field), field.columns.max(1)) else { return };
    let row = clamped(at / columns, by, field.order.len().div_ceil(columns));
    if let Some(to) = field.order.get((row * columns + at % columns).min(field.order.len() - 1)) {
        state.cursor.channel = *to;
    }
}

/// Where the unit under the cursor lies.
fn position(state: &State, field: &Field) -> Option<usize> {
    let channel = state.unit()?.channel;
    field.order.iter().position(|other| *other == channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture::{facts, start};
    use crate::app::state::Model;

    struct Rows;

    impl View for Rows {
        fn questions(&self, _state: &State) -> Vec<crate::jobs::Key> {
            Vec::new()
        }

        fn subject(&self, _state: &State) -> Option<crate::jobs::subject::Subject> {
            None
        }

        fn unit_layers(&self, _state: &State) -> Option<Vec<usize>> {
            Some(vec![0, 1, 3])
        }

        fn field(&self, _state: &State) -> Field {
            Field { order: vec![7, 6, 5, 4, 3, 2, 1, 0], columns: 3, rows: 2 }
        }
    }

    fn after(from: (usize, usize), commands: &[Command]) -> (usize, usize) {
        let mut state = start("dark");
        state.model = Model::Ready(facts().into());
        (state.cursor.layer, state.cursor.channel) = from;
        for command in commands {
            assert!(carry_out(&mut state, &Rows, *command));
        }
        (state.cursor.layer, state.cursor.channel)
    }

    #[test]
    fn the_cursor_goes_the_way_the_tiles_lie() {
        assert_eq!(after((0, 7), &[Command::StepNext]), (0, 6));
        assert_eq!(after((0, 7), &[Command::RowNext]), (0, 4));
        assert_eq!(after((0, 5), &[Command::RowNext, Command::RowNext]), (0, 0), "the last row is shorter");
        assert_eq!(after((0, 6), &[Command::RowFarNext]), (0, 0));
        assert_eq!(after((0, 3), &[Command::RowNext, Command::RowNext]), (0, 0));
        assert_eq!(after((0, 6), &[Command::PageNext]), (0, 0));
        assert_eq!(after((0, 1), &[Command::PagePrevious]), (0, 7));
        assert_eq!(after((0, 2), &[Command::StepFirst]), (0, 7));
        assert_eq!(after((0, 2), &[Command::StepLast, Command::StepNext]), (0, 0));
    }

    #[test]
    fn layers_are_walked_and_the_channel_stays() {
        assert_eq!(after((0, 5), &[Command::LayerNext]), (1, 5));
        assert_eq!(after((2, 5), &[Command::LayerNext]), (3, 5), "from between two of them");
        assert_eq!(after((2, 5), &[Command::LayerPrevious]), (1, 5));
        assert_eq!(after((3, 5), &[Command::LayerNext]), (3, 5));
    }
}
