//! hyper's part in bench/http/compare: answers "hello" to everything. Prints its port, serves until its input ends.

use std::convert::Infallible;
use std::io::Read;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

fn version() -> &'static str {
    let mut lines = include_str!("../Cargo.lock").lines().skip_while(|line| *line != "name = \"hyper\"");
    lines.nth(1).and_then(|line| line.split('"').nth(1)).unwrap_or("unknown")
}

async fn hello(_: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut answer = Response::new(Full::new(Bytes::from_static(b"hello, world\n")));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(answer)
}

async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)).await;
        });
    }
}

fn main() -> std::io::Result<()> {
    match std::env::args().skip(1).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--version"] => return Ok(println!("{}", version())),
        ["serve", "--list"] => return Ok(println!("http")),
        _ => {}
    }
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(serve())
}
