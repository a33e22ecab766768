// What AssemblyScript's library wants of a host: arguments, environment, output, random numbers, time, and to be aborted.
function fibonacci(n: i32): i64 {
  let a: i64 = 0;
  let b: i64 = 1;
  for (let i = 0; i < n; i++) {
    const next = a + b;
    a = b;
    b = next;
  }
  return a;
}

const what = process.argv.length > 1 ? process.argv[1] : "";
console.log("arguments: " + process.argv.slice(1).join(" "));
console.log("fibonacci: " + fibonacci(90).toString());
const colour = process.env.has("COLOUR") ? process.env.get("COLOUR") : "none";
console.log("colour: " + colour);
console.log("time goes on: " + (Date.now() > 1600000000000 ? "yes" : "no"));
console.log("random: " + (Math.random() < 1.0 ? "yes" : "no"));
process.stderr.write("to the error output\n");
if (what == "abort") assert(false, "on purpose");
process.exit(5);
