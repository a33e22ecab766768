// What guests in AssemblyScript get from weft beside WASI: channels, waiting for several things, children.
//
// Functions return 0 or an error number of WASI; a Message has one beside its bytes. Limits of time are nanoseconds: AT_ONCE,
// FOREVER, or so long at most.

export const AT_ONCE: i64 = 0;
export const FOREVER: i64 = -1;

export namespace Status {
  export const OK: i32 = 0;
  export const AGAIN: i32 = 6;
  export const NOT_FOUND: i32 = 44;
  export const TOO_LONG: i32 = 61;
  export const END: i32 = 64; // closed, and all was received; of a send: nobody will receive
  export const TIMED_OUT: i32 = 73;
}

@external("weft", "channel_open") declare function channelOpen(name: usize, length: u32, out: usize): i32;
@external("weft", "channel_create") declare function channelCreate(capacity: u32, sender: usize, receiver: usize): i32;
@external("weft", "channel_send") declare function channelSend(to: u32, data: usize, length: u32, timeout: i64): i32;
@external("weft", "channel_receive") declare function channelReceive(
  from: u32, buffer: usize, capacity: u32, length: usize, timeout: i64): i32;
@external("weft", "close") declare function closeHandle(handle: u32): i32;
@external("weft", "select") declare function selectCases(cases: usize, count: u32, timeout: i64, chosen: usize): i32;
@external("weft", "spawn") declare function spawnProgram(
  program: usize, length: u32, args: usize, argsLength: u32, channels: usize, count: u32, out: usize): i32;
@external("weft", "child_wait") declare function childWait(child: u32, code: usize, timeout: i64): i32;
@external("weft", "child_cancel") declare function childCancel(child: u32): i32;

// Where the host puts numbers.
const first = memory.data(4);
const second = memory.data(4);

export class Message {
  constructor(public status: i32, public bytes: ArrayBuffer) {}
  get text(): string {
    return String.UTF8.decode(this.bytes);
  }
}

// An end of a channel. Those that a parent or the host's list has given are numbers 0, 1, and so on.
export class Channel {
  constructor(public handle: u32) {}

  // The one granted under this name; null if there is none.
  static open(name: string): Channel | null {
    const bytes = String.UTF8.encode(name);
    const status = channelOpen(changetype<usize>(bytes), bytes.byteLength, first);
    return status == Status.OK ? new Channel(load<u32>(first)) : null;
  }

  // A new one with room for so many messages: the sending end, and the receiving one; null if there are too many.
  static make(capacity: u32): StaticArray<Channel> | null {
    if (channelCreate(capacity, first, second) != Status.OK) return null;
    return [new Channel(load<u32>(first)), new Channel(load<u32>(second))];
  }

  send(bytes: ArrayBuffer, timeout: i64 = FOREVER): i32 {
    return channelSend(this.handle, changetype<usize>(bytes), bytes.byteLength, timeout);
  }
  sendText(text: string, timeout: i64 = FOREVER): i32 {
    return this.send(String.UTF8.encode(text), timeout);
  }

  receive(timeout: i64 = FOREVER): Message {
    let buffer = new ArrayBuffer(4096);
    let status = channelReceive(this.handle, changetype<usize>(buffer), buffer.byteLength, first, timeout);
    if (status == Status.TOO_LONG) {
      buffer = new ArrayBuffer(load<u32>(first)); // the message is kept until it is fetched
      status = channelReceive(this.handle, changetype<usize>(buffer), buffer.byteLength, first, timeout);
    }
    return new Message(status, status == Status.OK ? buffer.slice(0, load<u32>(first)) : new ArrayBuffer(0));
  }

  close(): i32 {
    return closeHandle(this.handle);
  }
}

// The index of the first of these that has a message or has ended; -1 if the limit comes first.
export function firstReady(channels: Channel[], timeout: i64 = FOREVER): i32 {
  const cases = new ArrayBuffer(16 * channels.length);
  for (let i = 0; i < channels.length; ++i) store<u32>(changetype<usize>(cases) + 16 * i, channels[i].handle);
  const status = selectCases(changetype<usize>(cases), channels.length, timeout, first);
  return status == Status.OK || status == Status.END ? load<i32>(first) : -1;
}

// A guest that this one has started.
export class Child {
  constructor(public handle: u32) {}

  // Starts a granted program; the channels become its numbers 0, 1, and so on. Null if it cannot be.
  static spawn(program: string, args: string[], channels: Channel[]): Child | null {
    const name = String.UTF8.encode(program);
    let texts = "";
    for (let i = 0; i < args.length; ++i) texts += args[i] + "\0";
    const bytes = String.UTF8.encode(texts);
    const handles = new ArrayBuffer(4 * channels.length);
    for (let i = 0; i < channels.length; ++i) store<u32>(changetype<usize>(handles) + 4 * i, channels[i].handle);
    const status = spawnProgram(
      changetype<usize>(name), name.byteLength, changetype<usize>(bytes), bytes.byteLength, changetype<usize>(handles),
      channels.length, first);
    return status == Status.OK ? new Child(load<u32>(first)) : null;
  }

  // Its exit code, when it has ended; -1 if the limit comes first, or if it was cancelled.
  wait(timeout: i64 = FOREVER): i32 {
    return childWait(this.handle, first, timeout) == Status.OK ? load<i32>(first) : -1;
  }

  // Ends it, within moments; does not wait for that. wait() then gives -1, unless it was faster.
  cancel(): i32 {
    return childCancel(this.handle);
  }

  // Gives its number up; refused (10, busy) while it runs.
  close(): i32 {
    return closeHandle(this.handle);
  }
}
