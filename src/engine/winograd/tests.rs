use super::*;
use crate::fixtures::sine;

/// Channels lie in blocks.
fn blocked(maps: &[f32], channels: usize, area: usize) -> Vec<f32> {
    let block = block();
    let value = |at: usize| {
        let (picture, at) = (at / (channels * area), at % (channels * area));
        let (group, place, lane) = (at / (block * area), at / block % area, at % block);
        maps[(picture * channels + group * block + lane) * area + place]
    };
    (0..maps.len()).map(value).collect()
}

/// Kernels `[outputs, inputs, 3, 3]` as they lie for blocks.
fn kernels_in_blocks(kernels: &[f32], inputs: usize) -> Vec<f32> {
    let block = block();
    let value = |at: usize| {
        let (output, at) = (at % block, at / block);
        let (input, at) = (at % block, at / block);
        let (tap, at) = (at % TAPS, at / TAPS);
        let (input, output) = (at % (inputs / block) * block + input, at / (inputs / block) * block + output);
        kernels[(output * inputs + input) * TAPS + tap]
    };
    (0..kernels.len()).map(value).collect()
}

/// As a convolution is defined, of one picture.
fn defined(x: &[f32], [height, width]: [usize; 2], kernel: &[f32], pads: [usize; 4], [row, column]: [usize; 2]) -> f64 {
    let mut sum = 0.0;
    for (map, taps) in x.chunks(height * width).zip(kernel.chunks(TAPS)) {
        for (tap, weight) in taps.iter().enumerate() {
            let (y, x) = ((row + tap / 3).wrapping_sub(pads[0]), (column + tap % 3).wrapping_sub(pads[1]));
            if y < height && x < width {
                sum += f64::from(map[y * width + x]) * f64::from(*weight);
            }
        }
    }
    sum
}

#[test]
fn it_is_the_convolution() {
    let block = block();
    for (size, pads, pictures, inputs, outputs) in [
        ([7, 7], [1, 1, 1, 1], 2, 2 * block, 7 * block),
        ([6, 9], [0, 2, 1, 1], 1, block, 3 * block),
        ([3, 4], [0, 0, 0, 0], 3, 3 * block, block),
        ([1, 1], [1, 1, 1, 1], 1, block, block),
    ] {
        let [height, width] = size;
        let x = sine((pictures, inputs, height * width), [1.0, 0.37, 0.2]).into_raw_vec_and_offset().0;
        let weights = sine((outputs, inputs, TAPS), [0.3, 0.9, 0.41]).into_raw_vec_and_offset().0;
        let bias = sine((1, 1, outputs), [0.1, 0.5, 0.8]).into_raw_vec_and_offset().0;
        let out = [height + pads[0] + pads[2] - 2, width + pads[1] + pads[3] - 2];
        let area = out[0] * out[1];
        let added = sine((pictures, outputs, area), [0.2, 0.3, 0.7]).into_raw_vec_and_offset().0;
        let kernels = Kernels::of_blocks(&kernels_in_blocks(&weights, inputs), [outputs, inputs]).unwrap();
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let same = Kernels::of_bytes(&bytes, [outputs, inputs]).unwrap();
        assert_eq!(same.points.all()[..POINTS * outputs * inputs], kernels.points.all()[..POINTS * outputs * inputs]);
        let (of_x, of_added) = (blocked(&x, inputs, height * width), blocked(&added, outputs, area));
        let convolution = || Convolution::new(&kernels, &of_x, size, pads).unwrap();
        assert_eq!(convolution().shape(), [pictures, outputs, out[0], out[1]]);
        let computed = |convolution: Convolution<'_>, threads: usize| {
            let mut y = vec![f32::NAN; pictures * outputs * area];
            convolution.parts(&mut y, threads).iter_mut().for_each(|part| convolution.compute(part));
            y
        };
        let whole = |x| computed(convolution().and_bias(&bias).unwrap().and(x).unwrap().and_relu(), 1);
        let (plain, all) = (computed(convolution(), 1), whole(&of_added));
        for threads in [2, 5, 64] {
            assert_eq!(computed(convolution(), threads), plain, "the same, whatever is computed together");
        }
        let mut expected = Vec::new();
        for (picture, x) in x.chunks(inputs * height * width).enumerate() {
            for (output, kernel) in weights.chunks(inputs * TAPS).enumerate() {
                for at in 0..area {
                    let value = defined(x, size, kernel, pads, [at / out[1], at % out[1]]);
                    let added = f64::from(added[(picture * outputs + output) * area + at]);
                    expected.push((value, (value + f64::from(bias[output]) + added).max(0.0)));
                }
            }
        }
        let (first, second): (Vec<f32>, Vec<f32>) = expected.iter().map(|(a, b)| (*a as f32, *b as f32)).unzip();
        for (found, expected) in [(plain, first), (all, second)] {
            for (found, expected) in found.iter().zip(blocked(&expected, outputs, area)) {
                approx::assert_abs_diff_eq!(*found, expected, epsilon = 2e-5);
            }
        }
    }
}

#[test]
fn what_does_not_belong_together_is_none() {
    let block = block();
    let weights = vec![0.0; block * block * TAPS];
    assert!(Kernels::of_blocks(&weights[1..], [block, block]).is_none());
    assert!(Kernels::of_blocks(&weights, [block, 0]).is_none());
    assert!(Kernels::of_blocks(&weights, [usize::MAX, block]).is_none());
    assert!(Kernels::of_bytes(&[0; 4 * TAPS], [block, block]).is_none());
    let kernels = Kernels::of_blocks(&weights, [block, block]).unwrap();
    let x = vec![0.0; block * 12];
    let new = |size, pads| Convolution::new(&kernels, &x, size, pads);
    assert!(new([3, 4], [0; 4]).is_some());
    assert!(new([3, 5], [0; 4]).is_none());
    assert!(new([12, 1], [0; 4]).is_none(), "narrower than the kernel");
    assert!(new([0, 0], [1; 4]).is_none());
    assert!(new([3, 4], [usize::MAX; 4]).is_none());
    assert!(new([3, 4], [0; 4]).unwrap().and_bias(&x).is_none());
    assert!(new([3, 4], [0; 4]).unwrap().and(&x).is_none());
}
