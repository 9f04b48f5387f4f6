//! The same figures from this machine's own instructions, for comparison.

fn main() {
    println!("{:e} {:e}", elbo_wasm::accuracy(), elbo_wasm::nll());
}
