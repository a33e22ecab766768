// The work of hooks_bench's "libpq: select 1" by pgx: a goroutine for each connection, in the simple protocol, as PQexec() speaks it.
//
//	pgx_bench CONNECTION GOROUTINES QUERIES
//
// For each line on standard input it does the work once and prints the seconds that it took, and those of CPU time.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func ask(c *pgconn.PgConn, queries int) {
	for range queries {
		results, err := c.Exec(context.Background(), "select 1").ReadAll()
		if err != nil {
			log.Fatal(err)
		}
		if string(results[0].Rows[0][0]) != "1" {
			log.Fatal("a wrong answer")
		}
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: pgx_bench CONNECTION GOROUTINES QUERIES")
	}
	connections := make([]*pgconn.PgConn, number(os.Args[2]))
	for i := range connections {
		c, err := pgconn.Connect(context.Background(), os.Args[1])
		if err != nil {
			log.Fatal(err)
		}
		connections[i] = c
	}
	queries := number(os.Args[3])
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		begin, cpu := time.Now(), cpuTime()
		var group sync.WaitGroup
		for _, c := range connections {
			group.Add(1)
			go func() {
				defer group.Done()
				ask(c, queries)
			}()
		}
		group.Wait()
		fmt.Println(time.Since(begin).Seconds(), (cpuTime() - cpu).Seconds())
	}
}
