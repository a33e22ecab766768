"""The programs that are measured: ours and those of the peers that this machine can build."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
OURS = "weft"
# Who takes part in which suites.
PEERS = {
    "go": {"scheduler", "sync", "servers", "wasm"},
    "tokio": {"scheduler", "sync", "servers"},
    "hyper": {"servers"},  # one thread
    "java": {"scheduler"},
    "boost_fiber": {"scheduler", "sync"},
    "onetbb": {"scheduler"},
    "rayon": {"scheduler"},
    "wasmtime": {"wasm"},  # the crate
    "wasmtime_cli": {"commands"},
    "node": {"commands"},
    "weft_epoll": {"io", "servers"},  # ours, on the other engine
    "raw_uring": {"io"},
    "raw_epoll": {"io"},
    "os_threads": {"exec"},  # the same program without `weft exec`
}


# Suites whose measuring program is ours for all; it is told whom to start.
LOADED = ("servers", "commands")


class BuildError(Exception):
    """Our own programs cannot be had. That a peer's cannot is no error."""


class Absent(Exception):
    """A peer that this machine does not have; says why."""


@dataclasses.dataclass(frozen=True)
class Program:
    name: str  # OURS or one of PEERS
    command: tuple  # takes WORKLOAD WORKERS SIZE
    version: str
    workloads: frozenset
    suite: str = ""  # empty: whichever suite has the workload

    def has(self, workload):
        return workload.name in self.workloads and self.suite in ("", workload.suite)


def find(options, progress):
    """Builds and asks every program. Returns the programs and, for each absent peer, why it is."""
    found = _cpp_programs(options, progress)
    # The peers of the guests' workloads run the same module.
    os.environ.setdefault("WEFT_BENCH_GUESTS", str((options.build_dir / "bench" / "bench_guests.wasm").resolve()))
    absent = {}
    for peer in options.peers:
        if options.suites and PEERS[peer].isdisjoint(options.suites):
            continue
        try:
            if peer in _BUILDERS:
                progress.say(f"building the benchmarks of {peer}")
                found += _programs_of(peer, _BUILDERS[peer](cache_directory() / peer), options)
            elif not any(p.name == peer for p in found):
                raise Absent("the build has no program of it: its library is not installed")
        except Absent as e:
            absent[peer] = str(e)
    return found, absent


def _programs_of(peer, command, options):
    """What a peer's program does by itself, and what it does while a program of ours measures it."""
    wanted = PEERS[peer].intersection(options.suites or PEERS[peer])
    programs = []
    if wanted.difference(LOADED):
        programs.append(_describe(peer, command))
    for suite in sorted(wanted.intersection(LOADED)):
        programs.append(_describe(peer, [_load(options, suite), *command], suite))
    return programs


def _load(options, suite):
    listing = json.loads((options.build_dir / "bench" / "programs.json").read_text())
    for entry in listing:
        if entry["suite"] == suite and "load" in entry:
            return entry["load"]
    raise Absent(f"the build has nothing that measures {suite}")


def cache_directory():
    """Outside the source tree; shared by all clones, as compilers check by themselves what is out of date."""
    base = os.environ.get("WEFT_CACHE_DIR")
    if not base:
        base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "weft"
    return pathlib.Path(base) / "bench"


def _describe(name, command, suite=""):
    def ask(question):
        return subprocess.run([*command, question], check=True, capture_output=True, text=True, timeout=60).stdout

    try:
        return Program(name, tuple(command), ask("--version").strip(), frozenset(ask("--list").split()), suite)
    except (OSError, subprocess.SubprocessError) as e:
        raise Absent(f"its program does not run: {e}") from e


# --- C++: ours and the peers that CMake found


def _cpp_programs(options, progress):
    listing = options.build_dir / "bench" / "programs.json"
    if not options.no_build and not (options.build_dir / "build.ninja").exists():
        _build_step(["cmake", "--preset", "release"], options, progress, "configuring")
    if not listing.exists():
        raise BuildError(f"{options.build_dir} has no benchmarks: configure it with WEFT_BUILD_BENCH=ON")
    entries = [e for e in json.loads(listing.read_text()) if e["program"] in (OURS, *options.peers)]
    if options.suites:
        entries = [e for e in entries if _takes_part(e, options.suites)]
    if not options.no_build and entries:
        targets = [e["target"] for e in entries]
        _build_step(
            ["cmake", "--build", str(options.build_dir), "--target", *targets],
            options,
            progress,
            "building our benchmarks",
        )
    try:
        return [_describe(e["program"], [e["load"], e["path"]] if "load" in e else [e["path"]], e["suite"]) for e in entries]
    except Absent as e:
        raise BuildError(f"a benchmark program of {options.build_dir}: {e}") from e


# A peer's program may serve several suites.
def _takes_part(entry, suites):
    return entry["suite"] in suites if entry["suite"] else not PEERS[entry["program"]].isdisjoint(suites)


def _build_step(command, options, progress, what):
    progress.say(what)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        progress.clear()
        raise BuildError(f"{what} failed:\n{done.stdout}{done.stderr}")


# --- peers with build tools of their own


def _build(command, **more):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    except OSError as e:
        raise Absent(f"{command[0]} does not run: {e}") from e
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Absent(f"its build failed: {' / '.join(lines[-3:])}")


def _tool(name, *places):
    """A program on the PATH or at one of the places where its installers put it."""
    found = shutil.which(name) or next((str(p) for p in places if os.access(p, os.X_OK)), None)
    if found is None:
        raise Absent(f"no {name} here")
    return found


def _version_of(command, pattern, minimum):
    """Refuses a tool older than `minimum`; the versions are tuples."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    version = tuple(int(part) for part in match.group(1).split(".")) if match else ()
    if version < minimum:
        wanted, there = (".".join(str(part) for part in v) for v in (minimum, version))
        raise Absent(f"needs {pathlib.Path(command[0]).name} >= {wanted}, here is {there or 'one of unknown version'}")


def _build_go(directory):
    go = _tool("go", "/usr/local/go/bin/go")
    _version_of([go, "version"], r"go(\d+(?:\.\d+)*)", (1, 22))
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "go_bench"
    _build(
        [go, "build", "-trimpath", "-o", str(program), "."],
        cwd=BENCH / "peers" / "go",
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    return [str(program)]


def _build_cargo(crate, folder="peers"):
    def build(directory):
        cargo = _tool("cargo", pathlib.Path.home() / ".cargo" / "bin" / "cargo")
        manifest = BENCH / folder / crate / "Cargo.toml"
        _build(
            [cargo, "build", "--release", "--locked", "--manifest-path", str(manifest), "--target-dir", str(directory)]
        )
        return [str(directory / "release" / f"{crate}_bench")]

    return build


def _build_java(directory):
    home = os.environ.get("JAVA_HOME")
    java, javac = (str(pathlib.Path(home) / "bin" / t) if home else _tool(t) for t in ("java", "javac"))
    _version_of([javac, "-version"], r"javac (\d+(?:\.\d+)*)", (21,))
    directory.mkdir(parents=True, exist_ok=True)
    _build([javac, "-d", str(directory), *(str(f) for f in sorted((BENCH / "peers" / "java").glob("*.java")))])
    return [java, "-cp", str(directory), "Main"]


def _engine_version():
    """Of the Wasmtime within weft: a comparison of two versions would be one of compilers."""
    manifest = (ROOT / "wasm" / "engine" / "Cargo.toml").read_text()
    return re.search(r'^wasmtime-c-api = .*?version = "=([0-9.]+)"', manifest, re.MULTILINE).group(1)


# What `wasmtime run` and `wasmtime compile` take of the program's features, so that it is no larger than it need be.
_WASMTIME_FEATURES = "run,cranelift,cache,compile,parallel-compilation,pooling-allocator,threads,gc,gc-drc,component-model"


def _build_wasmtime_cli(directory):
    version = _engine_version()
    program = directory / "bin" / "wasmtime"
    if not _says_version(program, version):
        cargo = _tool("cargo", pathlib.Path.home() / ".cargo" / "bin" / "cargo")
        target = directory / "target"  # a gigabyte, of use only once
        what = ["wasmtime-cli", "--version", version, "--no-default-features", "--features", _WASMTIME_FEATURES]
        try:
            _build([cargo, "install", "--locked", *what, "--root", str(directory), "--target-dir", str(target)])
        finally:
            shutil.rmtree(target, ignore_errors=True)
    return [str(program)]


def _says_version(program, version):
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    except OSError:
        return False
    return version in said.split()


def _find_node(_):
    node = _tool("node")
    _version_of([node, "--version"], r"v(\d+(?:\.\d+)*)", (20,))
    return [node]


_BUILDERS = {
    "go": _build_go,
    "tokio": _build_cargo("tokio"),
    "hyper": _build_cargo("hyper", "http"),
    "java": _build_java,
    "rayon": _build_cargo("rayon"),
    "wasmtime": _build_cargo("wasmtime"),
    "wasmtime_cli": _build_wasmtime_cli,
    "node": _find_node,
}
