//go:build wasip1

// Package weft is what guests in Go get from weft beside WASI: channels, waiting for several things, children.
//
// A call that waits parks the whole guest, all its goroutines included; no thread of the host is held. Errors are
// syscall.Errno values: EPIPE is the end of a channel, EAGAIN and ETIMEDOUT the end of a time limit.
package weft

import (
	"syscall"
	"time"
	"unsafe"
)

// Limits of time beside those of a time.Duration.
const (
	AtOnce  time.Duration = 0
	Forever time.Duration = -1
)

// Channel is an end of a channel, by the number that this guest knows it by. Those that a parent or the host's list has
// given are 0, 1, and so on.
type Channel uint32

// Child is a guest that this one has started.
type Child uint32

//go:wasmimport weft channel_open
func channelOpen(name unsafe.Pointer, length uint32, out unsafe.Pointer) uint32

//go:wasmimport weft channel_create
func channelCreate(capacity uint32, sender, receiver unsafe.Pointer) uint32

//go:wasmimport weft channel_send
func channelSend(to uint32, data unsafe.Pointer, length uint32, timeout int64) uint32

//go:wasmimport weft channel_receive
func channelReceive(from uint32, buffer unsafe.Pointer, capacity uint32, length unsafe.Pointer, timeout int64) uint32

//go:wasmimport weft close
func closeHandle(handle uint32) uint32

//go:wasmimport weft select
func selectCases(cases unsafe.Pointer, count uint32, timeout int64, chosen unsafe.Pointer) uint32

//go:wasmimport weft spawn
func spawn(program unsafe.Pointer, length uint32, arguments unsafe.Pointer, argumentsLength uint32,
	channels unsafe.Pointer, channelCount uint32, out unsafe.Pointer) uint32

//go:wasmimport weft child_wait
func childWait(child uint32, code unsafe.Pointer, timeout int64) uint32

//go:wasmimport weft child_cancel
func childCancel(child uint32) uint32

func errorOf(code uint32) error {
	if code == 0 {
		return nil
	}
	return syscall.Errno(code)
}

// Open finds the channel that the host has granted under this name; ENOENT if there is none.
func Open(name string) (Channel, error) {
	var c Channel
	err := errorOf(channelOpen(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), unsafe.Pointer(&c)))
	return c, err
}

// Make makes a channel with room for so many messages.
func Make(capacity int) (sender, receiver Channel, err error) {
	err = errorOf(channelCreate(uint32(capacity), unsafe.Pointer(&sender), unsafe.Pointer(&receiver)))
	return sender, receiver, err
}

// Send sends a message and waits, as long as the limit allows, until there is room for it.
func (c Channel) Send(message []byte, limit time.Duration) error {
	return errorOf(channelSend(uint32(c), unsafe.Pointer(unsafe.SliceData(message)), uint32(len(message)), int64(limit)))
}

// Receive waits for a message, as long as the limit allows.
func (c Channel) Receive(limit time.Duration) ([]byte, error) {
	buffer := make([]byte, 4096)
	for {
		var length uint32
		code := channelReceive(uint32(c), unsafe.Pointer(unsafe.SliceData(buffer)), uint32(len(buffer)),
			unsafe.Pointer(&length), int64(limit))
		if syscall.Errno(code) != syscall.EOVERFLOW {
			return buffer[:length], errorOf(code)
		}
		buffer = make([]byte, length) // the message is kept until it is fetched
	}
}

// Close gives the end up. When the last end of a side is gone, the channel is closed.
func (c Channel) Close() error { return errorOf(closeHandle(uint32(c))) }

// Case is one of the things that Select waits for; made by OnReceive, OnSend and OnEnd.
type Case struct {
	subject, kind uint32
	data          []byte
}

// OnReceive is chosen when a message, or the end, is there for Receive.
func OnReceive(c Channel) Case { return Case{subject: uint32(c), kind: 0} }

// OnSend is chosen when the message was sent.
func OnSend(c Channel, message []byte) Case { return Case{subject: uint32(c), kind: 1, data: message} }

// OnEnd is chosen when the child has ended.
func OnEnd(c Child) Case { return Case{subject: uint32(c), kind: 2} }

// What the host is told the addresses of must not lie on a stack, which may move.
var pinned []Case

// Select waits for one of the cases and returns its index; EPIPE if it is one whose channel has ended.
func Select(limit time.Duration, cases ...Case) (int, error) {
	type row struct{ subject, kind, data, length uint32 }
	pinned = cases
	rows := make([]row, len(cases))
	for i, c := range cases {
		rows[i] = row{c.subject, c.kind, uint32(uintptr(unsafe.Pointer(unsafe.SliceData(c.data)))), uint32(len(c.data))}
	}
	var chosen uint32
	code := selectCases(unsafe.Pointer(unsafe.SliceData(rows)), uint32(len(rows)), int64(limit), unsafe.Pointer(&chosen))
	pinned = nil
	return int(chosen), errorOf(code)
}

// Spawn starts a program that the host has granted; the channels become its numbers 0, 1, and so on, and stay this guest's,
// too, until it closes them.
func Spawn(program string, arguments []string, channels ...Channel) (Child, error) {
	var texts []byte
	for _, argument := range arguments {
		texts = append(append(texts, argument...), 0)
	}
	var child Child
	code := spawn(unsafe.Pointer(unsafe.StringData(program)), uint32(len(program)),
		unsafe.Pointer(unsafe.SliceData(texts)), uint32(len(texts)),
		unsafe.Pointer(unsafe.SliceData(channels)), uint32(len(channels)), unsafe.Pointer(&child))
	return child, errorOf(code)
}

// Wait waits for the child's end and returns its exit code.
func (c Child) Wait(limit time.Duration) (int, error) {
	var code int32
	err := errorOf(childWait(uint32(c), unsafe.Pointer(&code), int64(limit)))
	return int(code), err
}

// Cancel ends the child, within moments, and does not wait for that. Wait then returns ECANCELED, unless the child was faster.
func (c Child) Cancel() error { return errorOf(childCancel(uint32(c))) }

// Close gives the child's number up. EBUSY while the child runs: it keeps its number until it has ended.
func (c Child) Close() error { return errorOf(closeHandle(uint32(c))) }
