// mandelbrot.c in AssemblyScript: the same tile, to the last bit.
//
//   mandelbrot WIDTH HEIGHT ITERATIONS X Y TILE_WIDTH TILE_HEIGHT OUTPUT
//
// OUTPUT, a path beneath a preopened directory, receives the tile's pixels as rows of RGB bytes.
import {
  errnoToString,
  fd_close,
  fd_prestat_dir_name,
  fd_prestat_get,
  fd_write,
  lookupflags,
  oflags,
  path_open,
  prestat,
  rights,
} from "@assemblyscript/wasi-shim/assembly/bindings/wasi_snapshot_preview1";

// The demo's view; mandelbrot.h explains the arithmetic.
const centerX: f64 = -0.74364388;
const centerY: f64 = 0.1318259;
const span: f64 = 0.00042;

const stops: StaticArray<f64> = [
  9.0, 12.0, 46.0, 16.0, 112.0, 138.0, 250.0, 243.0, 214.0, 246.0, 167.0, 40.0, 138.0, 24.0, 52.0, 9.0, 12.0, 46.0,
];

const colour = new StaticArray<i32>(3);

function log2(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  const exponent = <i32>(bits >> 52) - 1023;
  const mantissa = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  const t = (mantissa - 1.0) / (mantissa + 1.0);
  const s = t * t;
  const series = 1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0))));
  return <f64>exponent + 2.885390081777926814 * t * series;
}

function escapeOf(cx: f64, cy: f64, iterations: i32): f64 {
  let x: f64 = 0.0;
  let y: f64 = 0.0;
  for (let i = 0; i < iterations; ++i) {
    const xx = x * x;
    const yy = y * y;
    if (xx + yy > 65536.0) return <f64>i + 1.0 - log2(log2(xx + yy) / 16.0);
    y = 2.0 * x * y + cy;
    x = xx - yy + cx;
  }
  return -1.0;
}

function colourOf(escape: f64): void {
  if (escape < 0.0) {
    colour[0] = 6;
    colour[1] = 6;
    colour[2] = 16;
    return;
  }
  const turns = sqrt(escape) * 0.22;
  const position = (turns - <f64>(<i32>turns)) * 5.0;
  const stop = <i32>position;
  const part = position - <f64>stop;
  for (let i = 0; i < 3; ++i) {
    const from = stops[stop * 3 + i];
    colour[i] = <i32>floor(from + (stops[stop * 3 + 3 + i] - from) * part + 0.5);
  }
}

function renderPixel(width: i32, height: i32, iterations: i32, px: i32, py: i32, out: usize): void {
  const step = span / <f64>width;
  let red = 2;
  let green = 2;
  let blue = 2;
  for (let sample = 0; sample < 4; ++sample) {
    const sx = <f64>px + 0.25 + 0.5 * <f64>(sample & 1) - 0.5 * <f64>width;
    const sy = <f64>py + 0.25 + 0.5 * <f64>(sample >> 1) - 0.5 * <f64>height;
    colourOf(escapeOf(centerX + sx * step, centerY + sy * step, iterations));
    red += colour[0];
    green += colour[1];
    blue += colour[2];
  }
  store<u8>(out, <u8>(red / 4));
  store<u8>(out + 1, <u8>(green / 4));
  store<u8>(out + 2, <u8>(blue / 4));
}

function fail(message: string): void {
  process.stderr.write("mandelbrot: " + message + "\n");
  process.exit(1);
}

// The preopened directory that holds `path`, and the rest of the path beneath it.
class Place {
  constructor(public directory: u32, public rest: string) {}
}

function locate(path: string): Place | null {
  const description = new ArrayBuffer(8);
  const address = changetype<usize>(description);
  for (let directory: u32 = 3; fd_prestat_get(directory, changetype<prestat>(address)) == 0; ++directory) {
    const length = load<u32>(address, 4);
    const name = new ArrayBuffer(<i32>length);
    if (fd_prestat_dir_name(directory, changetype<usize>(name), length) != 0) break;
    const prefix = String.UTF8.decode(name);
    if (prefix == "." || prefix == "") return new Place(directory, path);
    if (path.startsWith(prefix + "/")) return new Place(directory, path.substring(prefix.length + 1));
  }
  return null;
}

function writeFile(path: string, data: ArrayBuffer): void {
  const place = locate(path);
  if (place == null) {
    fail("no preopened directory holds " + path);
    return;
  }
  const name = String.UTF8.encode(place.rest);
  const result = new ArrayBuffer(4);
  let error = path_open(
    place.directory, lookupflags.SYMLINK_FOLLOW, changetype<usize>(name), <usize>name.byteLength,
    oflags.CREAT | oflags.TRUNC, rights.FD_WRITE, 0, 0, changetype<usize>(result));
  if (error != 0) {
    fail("cannot create " + path + ": " + errnoToString(error));
    return;
  }
  const file = load<u32>(changetype<usize>(result));
  const vector = new ArrayBuffer(8);
  for (let done: usize = 0; done < <usize>data.byteLength; done += load<usize>(changetype<usize>(result))) {
    store<usize>(changetype<usize>(vector), changetype<usize>(data) + done);
    store<usize>(changetype<usize>(vector) + 4, <usize>data.byteLength - done);
    error = fd_write(file, changetype<usize>(vector), 1, changetype<usize>(result));
    if (error != 0) {
      fail("cannot write " + path + ": " + errnoToString(error));
      return;
    }
  }
  fd_close(file);
}

function main(): void {
  const given = process.argv;
  if (given.length != 9) {
    process.stderr.write("usage: mandelbrot WIDTH HEIGHT ITERATIONS X Y TILE_WIDTH TILE_HEIGHT OUTPUT\n");
    process.exit(2);
  }
  const width = <i32>parseInt(given[1]);
  const height = <i32>parseInt(given[2]);
  const iterations = <i32>parseInt(given[3]);
  const x0 = <i32>parseInt(given[4]);
  const y0 = <i32>parseInt(given[5]);
  const tileWidth = <i32>parseInt(given[6]);
  const tileHeight = <i32>parseInt(given[7]);
  const pixels = new ArrayBuffer(tileWidth * tileHeight * 3);
  let out = changetype<usize>(pixels);
  for (let y = 0; y < tileHeight; ++y) {
    for (let x = 0; x < tileWidth; ++x, out += 3) renderPixel(width, height, iterations, x0 + x, y0 + y, out);
  }
  writeFile(given[8], pixels);
  process.stdout.write(`tile ${x0},${y0} of ${tileWidth} x ${tileHeight} pixels\n`);
}

main();
