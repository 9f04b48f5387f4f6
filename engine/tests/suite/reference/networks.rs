//! Reference cases of layers: convolutions, pools, normalisation, attention, recurrent networks.

use elbo_engine::{Attention, Convolution, Pooling, Real, Recurrent, Tape, Transposed, Var};
use serde_json::Value;

/// The value of a case's operation, or `None` if it is not implemented here.
pub(crate) fn evaluate<'t, T: Real>(
    tape: &'t Tape<T>,
    case: &Value,
    x: &[Var<'t, T>],
    integers: &[&[i64]],
) -> Option<Var<'t, T>> {
    let attrs = &case["attrs"];
    Some(match (case["op"].as_str()?, x) {
        ("conv1d", &[x, w, ref b @ ..]) => x.convolve(w, b.first().copied(), convolution::<1>(attrs)),
        ("conv2d", &[x, w, ref b @ ..]) => x.convolve(w, b.first().copied(), convolution::<2>(attrs)),
        ("conv3d", &[x, w, ref b @ ..]) => x.convolve(w, b.first().copied(), convolution::<3>(attrs)),
        ("conv_transpose1d", &[x, w, ref b @ ..]) => {
            x.convolve_transposed(w, b.first().copied(), transposed::<1>(attrs))
        }
        ("conv_transpose2d", &[x, w, ref b @ ..]) => {
            x.convolve_transposed(w, b.first().copied(), transposed::<2>(attrs))
        }
        ("conv_transpose3d", &[x, w, ref b @ ..]) => {
            x.convolve_transposed(w, b.first().copied(), transposed::<3>(attrs))
        }
        ("max_pool1d", &[x]) => x.max_pool(pooling::<1>(attrs).dilation(each(&attrs["dilation"]))),
        ("max_pool2d", &[x]) => x.max_pool(pooling::<2>(attrs).dilation(each(&attrs["dilation"]))),
        ("max_pool3d", &[x]) => x.max_pool(pooling::<3>(attrs).dilation(each(&attrs["dilation"]))),
        ("avg_pool1d", &[x]) => x.avg_pool(pooling::<1>(attrs)),
        ("avg_pool2d", &[x]) => x.avg_pool(pooling::<2>(attrs)),
        ("avg_pool3d", &[x]) => x.avg_pool(pooling::<3>(attrs)),
        ("adaptive_avg_pool1d", &[x]) => x.adaptive_avg_pool::<1>(each(&attrs["output"])),
        ("adaptive_avg_pool3d", &[x]) => x.adaptive_avg_pool::<3>(each(&attrs["output"])),
        ("batch_norm", &[x, weight, bias, mean, variance]) => match attrs["training"] == true {
            true => x.batch_norm((weight, bias), None, eps(attrs)),
            false => x.batch_norm_with((weight, bias), mean, variance, eps(attrs)),
        },
        ("group_norm", &[x, weight, bias]) => {
            x.group_norm(attrs["groups"].as_u64()? as usize, (weight, bias), eps(attrs))
        }
        ("instance_norm", &[x, weight, bias]) => x.instance_norm((weight, bias), eps(attrs)),
        ("layer_norm", &[x]) => x.layer_norm(attrs["normalized_shape"].as_array()?.len(), (), eps(attrs)),
        ("layer_norm", &[x, weight, bias]) => x.layer_norm(weight.shape().len(), (weight, bias), eps(attrs)),
        ("rms_norm", &[x, weight]) => x.rms_norm(weight.shape().len(), (weight,), eps(attrs)),
        ("scaled_dot_product_attention", &[q, k, v]) => {
            let settings = match integers {
                [mask] => {
                    let shape = [q, k].map(|x| x.shape()[x.shape().len() - 2]);
                    Attention::new().allow(tape.constant(shape, |i| T::from_f64(mask[i] as f64)))
                }
                _ => Attention::new(),
            };
            q.attention(k, v, if attrs["causal"] == true { settings.causal() } else { settings })
        }
        ("multi_head_attention", &[query, key, value, w_in, b_in, w_out, b_out]) => {
            let heads = attrs["heads"].as_u64()? as usize;
            let settings = if attrs["causal"] == true { Attention::new().causal() } else { Attention::new() };
            // Rows of w_in project to q, to k and to v, each to all heads.
            let features = w_out.shape()[0];
            let [w_in, b_in] = [w_in.reshape([3, features * features]), b_in.reshape([3, features])];
            let [q, k, v] = std::array::from_fn(|i| {
                let one = tape.constant([1, 3], |j| if i == j { T::ONE } else { T::ZERO });
                let w = one.matmul(w_in).reshape([features, features]);
                let x = [query, key, value][i].affine(w, one.matmul(b_in).reshape([features]));
                let &[batch, length, _] = x.shape() else { unreachable!("sequences in batches") };
                x.reshape([batch, length, heads, features / heads]).permute(&[0, 2, 1, 3])
            });
            q.attention(k, v, settings).permute(&[0, 2, 1, 3]).reshape(query.shape()).affine(w_out, b_out)
        }
        ("lstm" | "gru" | "rnn", [x, states_and_weights @ ..]) => recurrent(case, *x, states_and_weights),
        _ => return None,
    })
}

/// All outputs of a recurrent network: its layers one after the other, directions concatenated. The reference's steps
/// come before its examples.
fn recurrent<'t, T: Real>(case: &Value, x: Var<'t, T>, inputs: &[Var<'t, T>]) -> Var<'t, T> {
    let (attrs, op) = (&case["attrs"], case["op"].as_str().unwrap());
    let directions = if attrs["bidirectional"] == true { 2 } else { 1 };
    let layers = attrs["layers"].as_u64().unwrap() as usize;
    let (states, weights) = inputs.split_at(if op == "lstm" { 2 } else { 1 });
    let each = if attrs["bias"] == true { 4 } else { 2 };
    let (mut outputs, mut last) = (x.permute(&[1, 0, 2]), [Vec::new(), Vec::new()]);
    for layer in 0..layers {
        let ways: Vec<_> = (0..directions)
            .map(|direction| {
                let place = layer * directions + direction;
                let weights = &weights[place * each..][..each];
                let biases = [2, 3].map(|k| weights.get(k).copied());
                let (weight_ih, weight_hh) = (weights[0], weights[1]);
                let weights = Recurrent { weight_ih, weight_hh, biases, projection: None, reverse: direction == 1 };
                let state = |k: usize| states[k].at(0, place as isize);
                let (outputs, ends) = match op {
                    "lstm" => {
                        let (outputs, ends) = outputs.lstm(weights, [state(0), state(1)]);
                        (outputs, ends.to_vec())
                    }
                    "gru" => {
                        let (outputs, end) = outputs.gru(weights, state(0));
                        (outputs, vec![end])
                    }
                    _ => {
                        let (outputs, end) = outputs.rnn(weights, state(0));
                        (outputs, vec![end])
                    }
                };
                ends.into_iter().zip(&mut last).for_each(|(end, last)| last.push(end));
                outputs
            })
            .collect();
        outputs = Var::concat(&ways, 2);
    }
    let parts = [vec![outputs.permute(&[1, 0, 2])], last.concat()].concat();
    Var::concat(&parts.iter().map(|part| part.reshape([part.len()])).collect::<Vec<_>>(), 0)
}

/// A number for every spatial axis.
fn each<const D: usize>(value: &Value) -> [usize; D] {
    std::array::from_fn(|axis| value[axis].as_u64().unwrap() as usize)
}

fn convolution<const D: usize>(attrs: &Value) -> Convolution<D> {
    let groups = attrs["groups"].as_u64().unwrap() as usize;
    let settings = Convolution::new().stride(each(&attrs["stride"])).padding(each(&attrs["padding"]));
    settings.dilation(each(&attrs["dilation"])).groups(groups)
}

fn transposed<const D: usize>(attrs: &Value) -> Transposed<D> {
    convolution(attrs).transposed().output_padding(each(&attrs["output_padding"]))
}

fn pooling<const D: usize>(attrs: &Value) -> Pooling<D> {
    let settings = Pooling::new(each(&attrs["kernel"])).stride(each(&attrs["stride"])).padding(each(&attrs["padding"]));
    settings.ceil(attrs["ceil_mode"] == true).count_padding(attrs["count_include_pad"] != false)
}

fn eps(attrs: &Value) -> f64 {
    attrs["eps"].as_f64().unwrap()
}
