module http_bench

go 1.22
