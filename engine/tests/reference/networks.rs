//! The reference cases of what networks are made of: convolutions, pools, normalisation, attention.

use elbo_engine::{Convolution, Pooling, Real, Tape, Transposed, Var};
use serde_json::Value;

/// The value of a case's operation, or `None` if nothing here computes it.
pub(crate) fn evaluate<'t, T: Real>(
    _tape: &'t Tape<T>,
    case: &Value,
    x: &[Var<'t, T>],
    _integers: &[&[i64]],
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
        ("avg_pool1d", &[x]) => x.mean_pool(pooling::<1>(attrs)),
        ("avg_pool2d", &[x]) => x.mean_pool(pooling::<2>(attrs)),
        ("avg_pool3d", &[x]) => x.mean_pool(pooling::<3>(attrs)),
        ("adaptive_avg_pool1d", &[x]) => x.adaptive_mean_pool::<1>(each(&attrs["output"])),
        ("adaptive_avg_pool3d", &[x]) => x.adaptive_mean_pool::<3>(each(&attrs["output"])),
        _ => return None,
    })
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
