// A stage of the sample guest_pipeline, in AssemblyScript: tells each word with the number of times it has come so far.
import { Channel, Status } from "../../wasm/guest_api/assemblyscript/weft";

const counts = new Map<string, i32>();

function main(): void {
  const input = new Channel(0);
  const output = new Channel(1);
  for (let message = input.receive(); message.status == Status.OK; message = input.receive()) {
    const word = message.text;
    const count = (counts.has(word) ? counts.get(word) : 0) + 1;
    counts.set(word, count);
    if (output.sendText(word + " " + count.toString()) != Status.OK) return;
  }
}

main();
