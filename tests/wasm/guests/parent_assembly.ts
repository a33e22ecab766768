// A parent in AssemblyScript that ends its children. languages_children_test.cpp says what it prints.
import { Child, Status } from "../../../wasm/guest_api/assemblyscript/weft";

function told(child: Child): string {
  const code = child.wait();
  return code == -1 ? "cancelled" : "exit code " + code.toString();
}

function start(args: string[]): Child {
  const child = Child.spawn("stage", args, []);
  assert(child != null, "no child");
  return child!;
}

function end(args: string[]): void {
  const child = start(args);
  assert(child.cancel() == Status.OK, "not cancelled");
  console.log(args[0] + ": 0 " + told(child) + " and " + told(child));
}

function main(): void {
  end(["sleep", "3600000000000"]);
  end(["spin"]);
  const child = start(["exit", "7"]);
  const before = told(child);
  assert(child.cancel() == Status.OK, "not cancelled");
  console.log("exit: " + before + " and " + told(child));
  assert(child.close() == Status.OK, "not closed");
  console.log("closed: " + child.cancel().toString());
}

main();
