// Makes calls of WASI as its input lists them; see wasi_table.c for the lines.

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_get")
declare function args_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_sizes_get")
declare function args_sizes_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "environ_get")
declare function environ_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "environ_sizes_get")
declare function environ_sizes_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "clock_res_get")
declare function clock_res_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "clock_time_get")
declare function clock_time_get(a: u32, b: u64, c: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_advise")
declare function fd_advise(a: u32, b: u64, c: u64, d: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_allocate")
declare function fd_allocate(a: u32, b: u64, c: u64): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(a: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_datasync")
declare function fd_datasync(a: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_fdstat_get")
declare function fd_fdstat_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_fdstat_set_flags")
declare function fd_fdstat_set_flags(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_fdstat_set_rights")
declare function fd_fdstat_set_rights(a: u32, b: u64, c: u64): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_filestat_get")
declare function fd_filestat_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_filestat_set_size")
declare function fd_filestat_set_size(a: u32, b: u64): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_filestat_set_times")
declare function fd_filestat_set_times(a: u32, b: u64, c: u64, d: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_pread")
declare function fd_pread(a: u32, b: u32, c: u32, d: u64, e: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_get")
declare function fd_prestat_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_dir_name")
declare function fd_prestat_dir_name(a: u32, b: u32, c: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_pwrite")
declare function fd_pwrite(a: u32, b: u32, c: u32, d: u64, e: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(a: u32, b: u32, c: u32, d: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_readdir")
declare function fd_readdir(a: u32, b: u32, c: u32, d: u64, e: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_renumber")
declare function fd_renumber(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_seek")
declare function fd_seek(a: u32, b: u64, c: u32, d: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_sync")
declare function fd_sync(a: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_tell")
declare function fd_tell(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(a: u32, b: u32, c: u32, d: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_create_directory")
declare function path_create_directory(a: u32, b: u32, c: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_filestat_get")
declare function path_filestat_get(a: u32, b: u32, c: u32, d: u32, e: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_filestat_set_times")
declare function path_filestat_set_times(a: u32, b: u32, c: u32, d: u32, e: u64, f: u64, g: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_link")
declare function path_link(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(a: u32, b: u32, c: u32, d: u32, e: u32, f: u64, g: u64, h: u32, i: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_readlink")
declare function path_readlink(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_remove_directory")
declare function path_remove_directory(a: u32, b: u32, c: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_rename")
declare function path_rename(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_symlink")
declare function path_symlink(a: u32, b: u32, c: u32, d: u32, e: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_unlink_file")
declare function path_unlink_file(a: u32, b: u32, c: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "poll_oneoff")
declare function poll_oneoff(a: u32, b: u32, c: u32, d: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_raise")
declare function proc_raise(a: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
declare function random_get(a: u32, b: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sched_yield")
declare function sched_yield(): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_accept")
declare function sock_accept(a: u32, b: u32, c: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_recv")
declare function sock_recv(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_send")
declare function sock_send(a: u32, b: u32, c: u32, d: u32, e: u32): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_shutdown")
declare function sock_shutdown(a: u32, b: u32): u32;

function call(name: string, a: StaticArray<u64>): i32 {
  if (name == "args_get") return <i32>args_get(<u32>a[0], <u32>a[1]);
  if (name == "args_sizes_get") return <i32>args_sizes_get(<u32>a[0], <u32>a[1]);
  if (name == "environ_get") return <i32>environ_get(<u32>a[0], <u32>a[1]);
  if (name == "environ_sizes_get") return <i32>environ_sizes_get(<u32>a[0], <u32>a[1]);
  if (name == "clock_res_get") return <i32>clock_res_get(<u32>a[0], <u32>a[1]);
  if (name == "clock_time_get") return <i32>clock_time_get(<u32>a[0], a[1], <u32>a[2]);
  if (name == "fd_advise") return <i32>fd_advise(<u32>a[0], a[1], a[2], <u32>a[3]);
  if (name == "fd_allocate") return <i32>fd_allocate(<u32>a[0], a[1], a[2]);
  if (name == "fd_close") return <i32>fd_close(<u32>a[0]);
  if (name == "fd_datasync") return <i32>fd_datasync(<u32>a[0]);
  if (name == "fd_fdstat_get") return <i32>fd_fdstat_get(<u32>a[0], <u32>a[1]);
  if (name == "fd_fdstat_set_flags") return <i32>fd_fdstat_set_flags(<u32>a[0], <u32>a[1]);
  if (name == "fd_fdstat_set_rights") return <i32>fd_fdstat_set_rights(<u32>a[0], a[1], a[2]);
  if (name == "fd_filestat_get") return <i32>fd_filestat_get(<u32>a[0], <u32>a[1]);
  if (name == "fd_filestat_set_size") return <i32>fd_filestat_set_size(<u32>a[0], a[1]);
  if (name == "fd_filestat_set_times") return <i32>fd_filestat_set_times(<u32>a[0], a[1], a[2], <u32>a[3]);
  if (name == "fd_pread") return <i32>fd_pread(<u32>a[0], <u32>a[1], <u32>a[2], a[3], <u32>a[4]);
  if (name == "fd_prestat_get") return <i32>fd_prestat_get(<u32>a[0], <u32>a[1]);
  if (name == "fd_prestat_dir_name") return <i32>fd_prestat_dir_name(<u32>a[0], <u32>a[1], <u32>a[2]);
  if (name == "fd_pwrite") return <i32>fd_pwrite(<u32>a[0], <u32>a[1], <u32>a[2], a[3], <u32>a[4]);
  if (name == "fd_read") return <i32>fd_read(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3]);
  if (name == "fd_readdir") return <i32>fd_readdir(<u32>a[0], <u32>a[1], <u32>a[2], a[3], <u32>a[4]);
  if (name == "fd_renumber") return <i32>fd_renumber(<u32>a[0], <u32>a[1]);
  if (name == "fd_seek") return <i32>fd_seek(<u32>a[0], a[1], <u32>a[2], <u32>a[3]);
  if (name == "fd_sync") return <i32>fd_sync(<u32>a[0]);
  if (name == "fd_tell") return <i32>fd_tell(<u32>a[0], <u32>a[1]);
  if (name == "fd_write") return <i32>fd_write(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3]);
  if (name == "path_create_directory") return <i32>path_create_directory(<u32>a[0], <u32>a[1], <u32>a[2]);
  if (name == "path_filestat_get") return <i32>path_filestat_get(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4]);
  if (name == "path_filestat_set_times") return <i32>path_filestat_set_times(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], a[4], a[5], <u32>a[6]);
  if (name == "path_link") return <i32>path_link(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4], <u32>a[5], <u32>a[6]);
  if (name == "path_open") return <i32>path_open(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4], a[5], a[6], <u32>a[7], <u32>a[8]);
  if (name == "path_readlink") return <i32>path_readlink(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4], <u32>a[5]);
  if (name == "path_remove_directory") return <i32>path_remove_directory(<u32>a[0], <u32>a[1], <u32>a[2]);
  if (name == "path_rename") return <i32>path_rename(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4], <u32>a[5]);
  if (name == "path_symlink") return <i32>path_symlink(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4]);
  if (name == "path_unlink_file") return <i32>path_unlink_file(<u32>a[0], <u32>a[1], <u32>a[2]);
  if (name == "poll_oneoff") return <i32>poll_oneoff(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3]);
  if (name == "proc_raise") return <i32>proc_raise(<u32>a[0]);
  if (name == "random_get") return <i32>random_get(<u32>a[0], <u32>a[1]);
  if (name == "sched_yield") return <i32>sched_yield();
  if (name == "sock_accept") return <i32>sock_accept(<u32>a[0], <u32>a[1], <u32>a[2]);
  if (name == "sock_recv") return <i32>sock_recv(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4], <u32>a[5]);
  if (name == "sock_send") return <i32>sock_send(<u32>a[0], <u32>a[1], <u32>a[2], <u32>a[3], <u32>a[4]);
  if (name == "sock_shutdown") return <i32>sock_shutdown(<u32>a[0], <u32>a[1]);
  return -1;
}

const given: u32 = 3;
const firstOpened: u32 = 4;
const lastOpened: u32 = 12;
const nowhere: u32 = 0xfffffff0;

// Room for the pointers of one call.
const room: usize = heap.alloc(1 << 16);
let used: usize = 0;

function take(bytes: usize): u32 {
  const p = room + used;
  used += ((bytes + 7) & ~7) + 8;
  return <u32>p;
}

function text(s: string): u32 {
  const bytes = String.UTF8.encode(s);
  const p = take(bytes.byteLength);
  memory.copy(p, changetype<usize>(bytes), bytes.byteLength);
  return p;
}

function openForCall(what: string, rights: u64): u64 {
  const directory = what == "dir";
  const path = directory ? "." : what;
  const fd = take(4);
  const inheriting: u64 = directory ? (1 << 30) - 1 : 0;
  const error = path_open(given, 1, text(path), path.length, directory ? 2 : 0, rights, inheriting, 0, fd);
  if (error != 0) console.log("cannot open " + what + ": " + error.toString());
  return load<u32>(fd);
}

const arguments_ = new StaticArray<u64>(10);
let count: i32 = 0;

function give(a: u64): void {
  arguments_[count++] = a;
}

function giveBuffer(at: u32, length: u32): void {
  const vector = take(8);
  store<u32>(vector, at);
  store<u32>(vector, length, 4);
  give(vector);
  give(1);
}

function parse(word: string): void {
  const kind = word.charAt(0);
  const rest = word.substring(1);
  if (kind == "@") {
    const parts = rest.split("/");
    give(openForCall(parts[0], U64.parseInt(parts[1])));
  } else if (kind == "'") {
    give(text(rest));
    give(rest.length);
  } else if (kind == "<") {
    if (rest == "!") giveBuffer(nowhere, 100);
    else giveBuffer(take(I32.parseInt(rest)), I32.parseInt(rest));
  } else if (kind == ">") {
    giveBuffer(text(rest), rest.length);
  } else if (kind == "#") {
    give(take(I32.parseInt(rest)));
  } else if (kind == "~") {
    const subscription = take(48);
    store<u8>(subscription, 1, 16); // the monotonic clock, and no time left
    give(subscription);
  } else if (kind == "!") {
    give(nowhere);
  } else {
    give(kind == "-" ? <u64>I64.parseInt(word) : U64.parseInt(word));
  }
}

function holds(line: string): bool {
  used = 0;
  count = 0;
  memory.fill(room, 0, 1 << 16);
  const words = line.split(" ");
  const last = words.length - 2;
  for (let i = 1; i < last; i++) parse(words[i]);
  const expected = I32.parseInt(words[last + 1]);
  const got = call(words[0], arguments_);
  for (let fd = firstOpened; fd < lastOpened; fd++) fd_close(fd);
  if (got != expected) console.log(words[0] + " gives " + got.toString() + " instead: " + line);
  return got == expected;
}

function readAll(): string {
  const piece = heap.alloc(4096);
  const vector = heap.alloc(8);
  store<u32>(vector, <u32>piece);
  store<u32>(vector, 4096, 4);
  const got = heap.alloc(4);
  let all = "";
  while (fd_read(0, <u32>vector, 1, <u32>got) == 0 && load<u32>(got) > 0) all += String.UTF8.decodeUnsafe(piece, load<u32>(got));
  return all;
}

let wrong = 0;
const lines = readAll().split("\n");
for (let i = 0; i < lines.length; i++) {
  if (lines[i].length > 0 && !holds(lines[i])) wrong = 1;
}
process.exit(wrong);
