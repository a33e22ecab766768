module weft.guest/weft

go 1.21
