// A parent in Go that ends its children. languages_children_test.cpp says what it prints. Without fmt and os it is half as long to compile.
package main

import (
	"strconv"
	"syscall"

	"weft.guest/weft"
)

func say(text string) {
	syscall.Write(1, []byte(text+"\n"))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func told(child weft.Child) string {
	code, err := child.Wait(weft.Forever)
	if err == syscall.ECANCELED {
		return "cancelled"
	}
	must(err)
	return "exit code " + strconv.Itoa(code)
}

func end(arguments ...string) {
	child, err := weft.Spawn("stage", arguments)
	must(err)
	must(child.Cancel())
	chosen, err := weft.Select(weft.Forever, weft.OnEnd(child))
	must(err)
	say(arguments[0] + ": " + strconv.Itoa(chosen) + " " + told(child) + " and " + told(child))
}

func main() {
	end("sleep", "3600000000000")
	end("spin")
	child, err := weft.Spawn("stage", []string{"exit", "7"})
	must(err)
	before := told(child)
	must(child.Cancel())
	say("exit: " + before + " and " + told(child))
	must(child.Close())
	code, _ := child.Cancel().(syscall.Errno)
	say("closed: " + strconv.Itoa(int(code)))
}
