module weft.guest/parent

go 1.21

require weft.guest/weft v0.0.0

replace weft.guest/weft => ../../../../wasm/guest_api/go
