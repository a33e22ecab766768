# Sourced: finds a Rust tool chain that is new enough for the engine.

rust_minimum="1.95"

# rust_version RUSTC: prints its version as 1.96.0, or nothing.
rust_version() {
  "$1" --version 2>/dev/null | sed -n 's/^rustc \([0-9][0-9.]*\).*/\1/p'
}

# is_at_least VERSION MINIMUM
is_at_least() {
  [[ -n $1 && $(printf '%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]
}

# find_rust: sets CARGO and RUSTC to a pair that is new enough; returns 1 where there is none.
# An older Rust earlier in PATH does not hide a newer one: Debian's rustc-web stands in /usr/bin beside a user's rustup.
find_rust() {
  local rustc cargo version
  for rustc in "${RUSTC:-}" "$(command -v rustc)" "${CARGO_HOME:-${HOME:-}/.cargo}/bin/rustc" /usr/bin/rustc; do
    [[ -n $rustc && -x $rustc ]] || continue
    version=$(rust_version "$rustc")
    is_at_least "$version" "$rust_minimum" || continue
    for cargo in "${CARGO:-}" "$(dirname "$rustc")/cargo" "$(command -v cargo)"; do
      if [[ -n $cargo && -x $cargo ]]; then
        export RUSTC=$rustc CARGO=$cargo
        return 0
      fi
    done
  done
  return 1
}
