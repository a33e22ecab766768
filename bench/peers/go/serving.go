package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"
)

// The servers that bench_load measures: a goroutine a connection, net/http.

func serve(kind string, workers int) {
	runtime.GOMAXPROCS(workers)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if kind == "http" {
		serveHTTP(listener)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(connection)
	}
}

func echo(connection net.Conn) {
	defer connection.Close()
	request := make([]byte, 64)
	for {
		if _, err := io.ReadFull(connection, request); err != nil {
			return
		}
		if request[0] == 'h' {
			for begin := time.Now(); time.Since(begin) < 10*time.Millisecond; {
			}
		}
		if _, err := connection.Write(request); err != nil {
			return
		}
	}
}

func serveHTTP(listener net.Listener) {
	body := []byte("hello, world\n")
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(body)
	})))
}
