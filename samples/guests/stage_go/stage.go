// A stage of the sample guest_pipeline, in Go: passes words on in lower case.
package main

import (
	"bytes"
	"os"

	"weft.guest/weft"
)

func main() {
	in, out := weft.Channel(0), weft.Channel(1)
	for {
		word, err := in.Receive(weft.Forever)
		if err != nil {
			return // the end
		}
		if err := out.Send(bytes.ToLower(word), weft.Forever); err != nil {
			os.Exit(1)
		}
	}
}
