// The smallest program in Go that says something.
package main

import "fmt"

func main() {
	fmt.Println("hello from a guest")
}
