// node run.mjs MODULE ACCURACY NLL: trains and predicts in the module, and compares with the native figures.
import { readFileSync } from "node:fs";

const [file, ...native] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(file));
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) {
    throw new Error(`the module imports ${imports.map(({ module, name }) => `${module}.${name}`).join(", ")}`);
}
const began = performance.now();
const { accuracy, nll } = (await WebAssembly.instantiate(module)).exports;
const figures = { accuracy: accuracy(), nll: nll() };
const seconds = (performance.now() - began) / 1000;

const [expected, wanted] = native.map(Number);
console.log(`wasm32: accuracy ${figures.accuracy}, NLL ${figures.nll}, in ${seconds.toFixed(1)} s`);
console.log(`native: accuracy ${expected}, NLL ${wanted}`);

// Products in f32 round otherwise where sums are ordered otherwise: 6e-8 of the NLL is what that makes here. An image at
// the border of two digits may change sides.
const IMAGES = 359;
const near = (a, b, tolerance) => Math.abs(a - b) <= tolerance;
if (!near(figures.accuracy, expected, 1.5 / IMAGES) || !near(figures.nll, wanted, 1e-4 * wanted)) {
    throw new Error("the figures differ");
}
if (!(figures.accuracy > 0.9)) {
    throw new Error("nothing was learned");
}
console.log("1 passed, 0 failed");
