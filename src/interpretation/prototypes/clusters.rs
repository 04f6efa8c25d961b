//! What a unit answers to, sorted by kind: its top pictures grouped by how the whole layer answers to each.
//!
//! Average linkage (Sokal and Michener 1958) over the cosine distance of the layer's activation patterns; the number of
//! groups is the one with the best average silhouette (Rousseeuw 1987). Nothing is random: the same patterns give the
//! same groups.

use ndarray::{ArrayView1, ArrayView2};

/// Most groups that are looked for.
const MOST: usize = 6;

/// Silhouette below which there is but one group: what Kaufman and Rousseeuw (1990) call no substantial structure.
const SUBSTANTIAL: f64 = 0.25;

/// Cosine distance at which two groups are one: the silhouette alone would tell apart what differs by a trifle.
const NEAR: f64 = 0.05;

/// Pictures in groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// The group of each picture, numbered from 0 in the order in which they first occur.
    pub of: Vec<usize>,
    /// How many groups.
    pub count: usize,
    /// Average silhouette of the grouping, −1 to 1: how much closer a picture is to its own group than to the nearest
    /// other. Of the best grouping that was tried where there is one group; 0 where none was.
    pub silhouette: f64,
}

/// Groups pictures by their patterns `[pictures, channels]`.
pub fn find(patterns: ArrayView2<'_, f32>) -> Clusters {
    let count = patterns.nrows();
    let distance = distances(patterns);
    let mut groups: Vec<Vec<usize>> = (0..count).map(|picture| vec![picture]).collect();
    let mut best = Clusters { of: vec![0; count], count: count.min(1), silhouette: 0.0 };
    let mut tried: Option<f64> = None;
    while groups.len() > 1 {
        let (a, b) = closest(&groups, &distance, count);
        let apart = average(&groups[a], &groups[b], &distance, count);
        if groups.len() <= MOST && groups.len() < count && apart > NEAR {
            let silhouette = silhouette(&groups, &distance, count);
            if tried.is_none_or(|tried| silhouette > tried) {
                tried = Some(silhouette);
                let of = numbered(&groups, count);
                best = Clusters { of, count: groups.len(), silhouette };
            }
        }
        let taken = groups.remove(b);
        groups[a].extend(taken);
    }
    match best.silhouette < SUBSTANTIAL {
        true => Clusters { of: vec![0; count], count: count.min(1), ..best },
        false => best,
    }
}

/// Cosine distances between all, 0 to 2, row by row; a pattern of zeros is at distance 1 from all others.
fn distances(patterns: ArrayView2<'_, f32>) -> Vec<f64> {
    let dot = |a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let lengths: Vec<f64> = patterns.rows().into_iter().map(|row| dot(row, row).sqrt()).collect();
    let between = |a: usize, b: usize| {
        let length = lengths[a] * lengths[b];
        if a == b {
            0.0
        } else if length > 0.0 {
            1.0 - dot(patterns.row(a), patterns.row(b)) / length
        } else {
            1.0
        }
    };
    let count = patterns.nrows();
    (0..count * count).map(|at| between(at / count, at % count)).collect()
}

fn average(from: &[usize], to: &[usize], distance: &[f64], count: usize) -> f64 {
    let sum: f64 = from.iter().flat_map(|a| to.iter().map(move |b| distance[a * count + b])).sum();
    sum / (from.len() * to.len()).max(1) as f64
}

/// The two groups that are closest on average, the earlier first; the first pair of equals.
fn closest(groups: &[Vec<usize>], distance: &[f64], count: usize) -> (usize, usize) {
    let pairs = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b)));
    let apart = |(a, b): (usize, usize)| average(&groups[a], &groups[b], distance, count);
    pairs.min_by(|a, b| apart(*a).total_cmp(&apart(*b))).unwrap_or((0, 1))
}

/// Average over all pictures; 0 for one that is alone in its group.
fn silhouette(groups: &[Vec<usize>], distance: &[f64], count: usize) -> f64 {
    let mut sum = 0.0;
    for (own, group) in groups.iter().enumerate().filter(|(_, group)| group.len() > 1) {
        for picture in group {
            // The picture itself is at distance 0 from itself.
            let within = average(&[*picture], group, distance, count) * group.len() as f64 / (group.len() - 1) as f64;
            let others = groups.iter().enumerate().filter(|(at, _)| *at != own);
            let without =
                others.map(|(_, other)| average(&[*picture], other, distance, count)).fold(f64::INFINITY, f64::min);
            let larger = within.max(without);
            sum += if larger > 0.0 { (without - within) / larger } else { 0.0 };
        }
    }
    sum / count.max(1) as f64
}

fn numbered(groups: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut order: Vec<&Vec<usize>> = groups.iter().collect();
    order.sort_by_key(|group| group.iter().min().copied());
    let mut of = vec![0; count];
    for (number, group) in order.into_iter().enumerate() {
        group.iter().for_each(|picture| of[*picture] = number);
    }
    of
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use super::*;

    #[test]
    fn stripes_and_furniture_are_told_apart() {
        let patterns = arr2(&[
            [1.0, 0.1, 0.0],
            [0.0, 0.2, 1.0],
            [2.0, 0.0, 0.1],
            [1.5, 0.3, 0.0],
            [0.1, 0.0, 0.7],
            [0.0, 0.1, 3.0],
        ]);
        let clusters = find(patterns.view());
        assert_eq!((clusters.of, clusters.count), (vec![0, 1, 0, 0, 1, 1], 2));
        assert!(clusters.silhouette > 0.8);
    }

    #[test]
    fn pictures_of_one_kind_stay_together() {
        let patterns = Array2::from_shape_fn((8, 40), |(picture, channel)| {
            1.0 + 0.2 * ((picture * 40 + channel) as f32 * 12.9898).sin()
        });
        let clusters = find(patterns.view());
        assert_eq!((clusters.count, clusters.of), (1, vec![0; 8]));
        assert_eq!(find(Array2::zeros((5, 3)).view()).count, 1);
        assert_eq!(find(Array2::zeros((1, 3)).view()), Clusters { of: vec![0], count: 1, silhouette: 0.0 });
        assert_eq!(find(Array2::zeros((0, 3)).view()).count, 0);
    }

    /// scikit-learn 1.9: `silhouette_score(patterns, [0, 0, 1, 1, 1], metric="cosine")`.
    #[test]
    fn the_silhouette_is_that_of_scikit_learn() {
        let patterns = arr2(&[[1.0, 0.2], [1.0, 0.5], [0.1, 1.0], [0.4, 1.0], [0.0, 1.0]]);
        let distance = distances(patterns.view());
        let found = silhouette(&[vec![0, 1], vec![2, 3, 4]], &distance, 5);
        approx::assert_abs_diff_eq!(found, 0.922_466_520_1, epsilon = 1e-6);
    }
}
