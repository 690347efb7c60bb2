// Prints the numbers of a widget's module: node widget_numbers.mjs <module.mjs> < cases.json > numbers.json
import {readFileSync} from "node:fs";
import {pathToFileURL} from "node:url";

const {eigenvalues, discretize, modes, kernel, summary} = await import(pathToFileURL(process.argv[2]));
const cases = JSON.parse(readFileSync(0, "utf8"));
const numbers = cases.map(([init, N, dt, method, length]) => {
  const lambdas = eigenvalues(init, N);
  return {
    re: lambdas.map((z) => z.re),
    im: lambdas.map((z) => z.im),
    b: lambdas.map((z) => z.b),
    discrete: discretize(lambdas, dt, method).map((z) => [z.re, z.im]),
    modes: modes(init, N, dt, method, length).map((mode) => Array.from(mode)),
    kernel: Array.from(kernel(init, N, dt, method, length)),
    summary: summary(init, N, dt, method),
  };
});
process.stdout.write(JSON.stringify(numbers));
