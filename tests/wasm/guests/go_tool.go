// What Go's runtime and library want of a host: arguments, environment, files, directories, time, goroutines.
package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func files(dir string) {
	sub := filepath.Join(dir, "go", "sub")
	must(os.MkdirAll(sub, 0o777))
	name := filepath.Join(sub, "file")
	must(os.WriteFile(name, []byte("written by Go"), 0o666))
	must(os.Rename(name, name+"2"))
	data, err := os.ReadFile(name + "2")
	must(err)
	info, err := os.Stat(name + "2")
	must(err)
	fmt.Printf("%s, %d bytes\n", data, info.Size())
	entries, err := os.ReadDir(sub)
	must(err)
	for _, e := range entries {
		fmt.Println("entry", e.Name())
	}
	_, err = os.ReadFile(filepath.Join(dir, "..", "secret"))
	fmt.Println("outside:", err != nil)
	must(os.RemoveAll(filepath.Join(dir, "go")))
}

func goroutines() {
	var wg sync.WaitGroup
	results := make(chan int, 8)
	for i := 1; i <= 8; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			time.Sleep(time.Duration(i) * time.Millisecond)
			results <- i * i
		}()
	}
	wg.Wait()
	close(results)
	var all []int
	for r := range results {
		all = append(all, r)
	}
	sort.Ints(all)
	fmt.Println(all)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "table" {
		table()
	}
	fmt.Println(os.Args[1:], os.Getenv("COLOUR"))
	if len(os.Args) > 1 && os.Args[1] == "spin" {
		for {
		}
	}
	if len(os.Args) > 1 && os.Args[1] == "cat" {
		n, err := io.Copy(os.Stdout, os.Stdin)
		must(err)
		fmt.Fprintln(os.Stderr, n, "bytes")
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "panic" {
		panic("on purpose")
	}
	files("/data")
	goroutines()
	random := make([]byte, 16)
	_, err := rand.Read(random)
	must(err)
	os.Exit(7)
}
