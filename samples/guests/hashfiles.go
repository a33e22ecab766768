// Prints the SHA-256 of files beneath a preopened directory, as sha256sum does; a goroutine a file.
//
//	hashfiles FILE...       or, with no argument, the files named on standard input, one a line
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"
)

func hashFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x  %s", hash.Sum(nil), name), nil
}

func names() []string {
	if len(os.Args) > 1 {
		return os.Args[1:]
	}
	var list []string
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() != "" {
			list = append(list, lines.Text())
		}
	}
	return list
}

func main() {
	files := names()
	lines := make([]string, len(files))
	errs := make([]error, len(files))
	var all sync.WaitGroup
	for i, name := range files {
		all.Add(1)
		go func(i int, name string) {
			defer all.Done()
			lines[i], errs[i] = hashFile(name)
		}(i, name)
	}
	all.Wait()
	status := 0
	for i := range files {
		if errs[i] != nil {
			fmt.Fprintln(os.Stderr, "hashfiles:", errs[i])
			status = 1
			continue
		}
		fmt.Println(lines[i])
	}
	os.Exit(status)
}
