// Makes calls of WASI as its input lists them; see wasi_table.c for the lines.
package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

//go:wasmimport wasi_snapshot_preview1 args_get
func args_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 args_sizes_get
func args_sizes_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 environ_get
func environ_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 environ_sizes_get
func environ_sizes_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 clock_res_get
func clock_res_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 clock_time_get
func clock_time_get(a uint32, b uint64, c uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_advise
func fd_advise(a uint32, b uint64, c uint64, d uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_allocate
func fd_allocate(a uint32, b uint64, c uint64) uint32

//go:wasmimport wasi_snapshot_preview1 fd_close
func fd_close(a uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_datasync
func fd_datasync(a uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_get
func fd_fdstat_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_set_flags
func fd_fdstat_set_flags(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_set_rights
func fd_fdstat_set_rights(a uint32, b uint64, c uint64) uint32

//go:wasmimport wasi_snapshot_preview1 fd_filestat_get
func fd_filestat_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_filestat_set_size
func fd_filestat_set_size(a uint32, b uint64) uint32

//go:wasmimport wasi_snapshot_preview1 fd_filestat_set_times
func fd_filestat_set_times(a uint32, b uint64, c uint64, d uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_pread
func fd_pread(a uint32, b uint32, c uint32, d uint64, e uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_prestat_get
func fd_prestat_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_prestat_dir_name
func fd_prestat_dir_name(a uint32, b uint32, c uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_pwrite
func fd_pwrite(a uint32, b uint32, c uint32, d uint64, e uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_read
func fd_read(a uint32, b uint32, c uint32, d uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_readdir
func fd_readdir(a uint32, b uint32, c uint32, d uint64, e uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_renumber
func fd_renumber(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_seek
func fd_seek(a uint32, b uint64, c uint32, d uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_sync
func fd_sync(a uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_tell
func fd_tell(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_write
func fd_write(a uint32, b uint32, c uint32, d uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_create_directory
func path_create_directory(a uint32, b uint32, c uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_filestat_get
func path_filestat_get(a uint32, b uint32, c uint32, d uint32, e uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_filestat_set_times
func path_filestat_set_times(a uint32, b uint32, c uint32, d uint32, e uint64, f uint64, g uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_link
func path_link(a uint32, b uint32, c uint32, d uint32, e uint32, f uint32, g uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_open
func path_open(a uint32, b uint32, c uint32, d uint32, e uint32, f uint64, g uint64, h uint32, i uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_readlink
func path_readlink(a uint32, b uint32, c uint32, d uint32, e uint32, f uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_remove_directory
func path_remove_directory(a uint32, b uint32, c uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_rename
func path_rename(a uint32, b uint32, c uint32, d uint32, e uint32, f uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_symlink
func path_symlink(a uint32, b uint32, c uint32, d uint32, e uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_unlink_file
func path_unlink_file(a uint32, b uint32, c uint32) uint32

//go:wasmimport wasi_snapshot_preview1 poll_oneoff
func poll_oneoff(a uint32, b uint32, c uint32, d uint32) uint32

//go:wasmimport wasi_snapshot_preview1 proc_raise
func proc_raise(a uint32) uint32

//go:wasmimport wasi_snapshot_preview1 random_get
func random_get(a uint32, b uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sched_yield
func sched_yield() uint32

//go:wasmimport wasi_snapshot_preview1 sock_accept
func sock_accept(a uint32, b uint32, c uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_recv
func sock_recv(a uint32, b uint32, c uint32, d uint32, e uint32, f uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_send
func sock_send(a uint32, b uint32, c uint32, d uint32, e uint32) uint32

//go:wasmimport wasi_snapshot_preview1 sock_shutdown
func sock_shutdown(a uint32, b uint32) uint32

var functions = map[string]func(a []uint64) uint32{
	"args_get":              func(a []uint64) uint32 { return args_get(uint32(a[0]), uint32(a[1])) },
	"args_sizes_get":        func(a []uint64) uint32 { return args_sizes_get(uint32(a[0]), uint32(a[1])) },
	"environ_get":           func(a []uint64) uint32 { return environ_get(uint32(a[0]), uint32(a[1])) },
	"environ_sizes_get":     func(a []uint64) uint32 { return environ_sizes_get(uint32(a[0]), uint32(a[1])) },
	"clock_res_get":         func(a []uint64) uint32 { return clock_res_get(uint32(a[0]), uint32(a[1])) },
	"clock_time_get":        func(a []uint64) uint32 { return clock_time_get(uint32(a[0]), a[1], uint32(a[2])) },
	"fd_advise":             func(a []uint64) uint32 { return fd_advise(uint32(a[0]), a[1], a[2], uint32(a[3])) },
	"fd_allocate":           func(a []uint64) uint32 { return fd_allocate(uint32(a[0]), a[1], a[2]) },
	"fd_close":              func(a []uint64) uint32 { return fd_close(uint32(a[0])) },
	"fd_datasync":           func(a []uint64) uint32 { return fd_datasync(uint32(a[0])) },
	"fd_fdstat_get":         func(a []uint64) uint32 { return fd_fdstat_get(uint32(a[0]), uint32(a[1])) },
	"fd_fdstat_set_flags":   func(a []uint64) uint32 { return fd_fdstat_set_flags(uint32(a[0]), uint32(a[1])) },
	"fd_fdstat_set_rights":  func(a []uint64) uint32 { return fd_fdstat_set_rights(uint32(a[0]), a[1], a[2]) },
	"fd_filestat_get":       func(a []uint64) uint32 { return fd_filestat_get(uint32(a[0]), uint32(a[1])) },
	"fd_filestat_set_size":  func(a []uint64) uint32 { return fd_filestat_set_size(uint32(a[0]), a[1]) },
	"fd_filestat_set_times": func(a []uint64) uint32 { return fd_filestat_set_times(uint32(a[0]), a[1], a[2], uint32(a[3])) },
	"fd_pread":              func(a []uint64) uint32 { return fd_pread(uint32(a[0]), uint32(a[1]), uint32(a[2]), a[3], uint32(a[4])) },
	"fd_prestat_get":        func(a []uint64) uint32 { return fd_prestat_get(uint32(a[0]), uint32(a[1])) },
	"fd_prestat_dir_name":   func(a []uint64) uint32 { return fd_prestat_dir_name(uint32(a[0]), uint32(a[1]), uint32(a[2])) },
	"fd_pwrite": func(a []uint64) uint32 {
		return fd_pwrite(uint32(a[0]), uint32(a[1]), uint32(a[2]), a[3], uint32(a[4]))
	},
	"fd_read": func(a []uint64) uint32 { return fd_read(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])) },
	"fd_readdir": func(a []uint64) uint32 {
		return fd_readdir(uint32(a[0]), uint32(a[1]), uint32(a[2]), a[3], uint32(a[4]))
	},
	"fd_renumber":           func(a []uint64) uint32 { return fd_renumber(uint32(a[0]), uint32(a[1])) },
	"fd_seek":               func(a []uint64) uint32 { return fd_seek(uint32(a[0]), a[1], uint32(a[2]), uint32(a[3])) },
	"fd_sync":               func(a []uint64) uint32 { return fd_sync(uint32(a[0])) },
	"fd_tell":               func(a []uint64) uint32 { return fd_tell(uint32(a[0]), uint32(a[1])) },
	"fd_write":              func(a []uint64) uint32 { return fd_write(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])) },
	"path_create_directory": func(a []uint64) uint32 { return path_create_directory(uint32(a[0]), uint32(a[1]), uint32(a[2])) },
	"path_filestat_get": func(a []uint64) uint32 {
		return path_filestat_get(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]))
	},
	"path_filestat_set_times": func(a []uint64) uint32 {
		return path_filestat_set_times(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), a[4], a[5], uint32(a[6]))
	},
	"path_link": func(a []uint64) uint32 {
		return path_link(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]), uint32(a[5]), uint32(a[6]))
	},
	"path_open": func(a []uint64) uint32 {
		return path_open(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]), a[5], a[6], uint32(a[7]), uint32(a[8]))
	},
	"path_readlink": func(a []uint64) uint32 {
		return path_readlink(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]), uint32(a[5]))
	},
	"path_remove_directory": func(a []uint64) uint32 { return path_remove_directory(uint32(a[0]), uint32(a[1]), uint32(a[2])) },
	"path_rename": func(a []uint64) uint32 {
		return path_rename(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]), uint32(a[5]))
	},
	"path_symlink": func(a []uint64) uint32 {
		return path_symlink(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]))
	},
	"path_unlink_file": func(a []uint64) uint32 { return path_unlink_file(uint32(a[0]), uint32(a[1]), uint32(a[2])) },
	"poll_oneoff":      func(a []uint64) uint32 { return poll_oneoff(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])) },
	"proc_raise":       func(a []uint64) uint32 { return proc_raise(uint32(a[0])) },
	"random_get":       func(a []uint64) uint32 { return random_get(uint32(a[0]), uint32(a[1])) },
	"sched_yield":      func(a []uint64) uint32 { return sched_yield() },
	"sock_accept":      func(a []uint64) uint32 { return sock_accept(uint32(a[0]), uint32(a[1]), uint32(a[2])) },
	"sock_recv": func(a []uint64) uint32 {
		return sock_recv(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]), uint32(a[5]))
	},
	"sock_send": func(a []uint64) uint32 {
		return sock_send(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]))
	},
	"sock_shutdown": func(a []uint64) uint32 { return sock_shutdown(uint32(a[0]), uint32(a[1])) },
}

const (
	given       = 3
	firstOpened = 4
	lastOpened  = 12
	nowhere     = 0xfffffff0
)

// Room for the pointers of one call; a variable of the program, so it stays where it is.
var (
	room [1 << 16]byte
	used int
)

// Without fmt, which would make the module twice as large.
func tell(words ...string) { os.Stdout.WriteString(strings.Join(words, " ") + "\n") }

func take(bytes int) []byte {
	p := room[used : used+bytes]
	used += (bytes+7)&^7 + 8
	return p
}

func address(p []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) }

func text(s string) []byte {
	p := take(len(s))
	copy(p, s)
	return p
}

func openForCall(what string, rights uint64) uint64 {
	path, oflags, inheriting := what, uint32(0), uint64(0)
	if what == "dir" {
		path, oflags, inheriting = ".", 2, 1<<30-1
	}
	name := text(path)
	fd := take(4)
	if e := path_open(given, 1, uint32(address(name)), uint32(len(name)), oflags, rights, inheriting, 0, uint32(address(fd))); e != 0 {
		tell("cannot open", what, "with", strconv.FormatUint(rights, 16)+":", strconv.Itoa(int(e)))
	}
	return uint64(*(*uint32)(unsafe.Pointer(&fd[0])))
}

func buffer(at uint64, length int) []uint64 {
	vector := take(8)
	*(*[2]uint32)(unsafe.Pointer(&vector[0])) = [2]uint32{uint32(at), uint32(length)}
	return []uint64{address(vector), 1}
}

func parse(word string) []uint64 {
	rest := word[1:]
	number, _ := strconv.Atoi(rest)
	switch word[0] {
	case '@':
		what, mask, _ := strings.Cut(rest, "/")
		rights, _ := strconv.ParseUint(mask, 10, 64)
		return []uint64{openForCall(what, rights)}
	case '\'':
		return []uint64{address(text(rest)), uint64(len(rest))}
	case '<':
		if rest == "!" {
			return buffer(nowhere, 100)
		}
		return buffer(address(take(number)), number)
	case '>':
		return buffer(address(text(rest)), len(rest))
	case '#':
		return []uint64{address(take(number))}
	case '~':
		subscription := take(48)
		subscription[16] = 1 // the monotonic clock, and no time left
		return []uint64{address(subscription)}
	case '!':
		return []uint64{nowhere}
	}
	if signed, err := strconv.ParseInt(word, 10, 64); err == nil {
		return []uint64{uint64(signed)}
	}
	unsigned, _ := strconv.ParseUint(word, 10, 64)
	return []uint64{unsigned}
}

func holds(line string) bool {
	used = 0
	clear(room[:])
	words := strings.Fields(line)
	last := len(words) - 2
	var arguments []uint64
	for _, word := range words[1:last] {
		arguments = append(arguments, parse(word)...)
	}
	expected, _ := strconv.Atoi(words[last+1])
	got := int(functions[words[0]](arguments))
	for fd := uint32(firstOpened); fd < lastOpened; fd++ {
		fd_close(fd)
	}
	if got != expected {
		tell(words[0], "gives", strconv.Itoa(got), "instead:", line)
	}
	return got == expected
}

func table() {
	wrong := 0
	input, _ := io.ReadAll(os.Stdin)
	for _, line := range strings.Split(strings.TrimSpace(string(input)), "\n") {
		if !holds(line) {
			wrong = 1
		}
	}
	os.Exit(wrong)
}
