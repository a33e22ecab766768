//! The workloads of bench/sync that are about channels. Tokio's own channel has one receiver and no rendezvous: a capacity of one
//! stands for that, and receivers that share one lock it in turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, Mutex};

use crate::timing::{nanoseconds_each, on_workers, seconds};

async fn send_all(sender: mpsc::Sender<usize>, first: usize, end: usize) {
    for i in first..end {
        sender.send(i).await.unwrap();
    }
}

async fn pass(n: usize, capacity: usize) {
    let (sender, mut receiver) = mpsc::channel(capacity);
    let producer = tokio::spawn(send_all(sender, 0, n));
    let consumer = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(value) = receiver.recv().await {
            sum += value;
        }
        sum
    });
    producer.await.unwrap();
    assert_eq!(consumer.await.unwrap(), n * (n - 1) / 2);
}

pub fn channel_unbuffered(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move { nanoseconds_each(size, |n| pass(n, 1)).await })
}

pub fn channel_buffered(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move { nanoseconds_each(size, |n| pass(n, 128)).await })
}

pub fn channel_ping_pong(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        nanoseconds_each(size, |n| async move {
            let (send_ping, mut receive_ping) = mpsc::channel::<usize>(1);
            let (send_pong, mut receive_pong) = mpsc::channel(1);
            let answering = tokio::spawn(async move {
                while let Some(value) = receive_ping.recv().await {
                    send_pong.send(value + 1).await.unwrap();
                }
            });
            let asking = tokio::spawn(async move {
                for i in 0..n {
                    send_ping.send(i).await.unwrap();
                    assert_eq!(receive_pong.recv().await, Some(i + 1));
                }
            });
            asking.await.unwrap();
            answering.await.unwrap();
        })
        .await
    })
}

pub fn channel_4p4c(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        nanoseconds_each(size, |n| async move {
            let (sender, receiver) = mpsc::channel(128);
            let receiver = Arc::new(Mutex::new(receiver));
            let consumers: Vec<_> = (0..4)
                .map(|_| {
                    let receiver = receiver.clone();
                    tokio::spawn(async move {
                        let mut sum = 0;
                        loop {
                            let value = receiver.lock().await.recv().await;
                            match value {
                                Some(value) => sum += value,
                                None => return sum,
                            }
                        }
                    })
                })
                .collect();
            for p in 0..4 {
                tokio::spawn(send_all(sender.clone(), n * p / 4, n * (p + 1) / 4));
            }
            drop(sender);
            let mut sum = 0;
            for consumer in consumers {
                sum += consumer.await.unwrap();
            }
            assert_eq!(sum, n * (n - 1) / 2);
        })
        .await
    })
}

fn skynet(out: mpsc::Sender<usize>, first: usize, leaves: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return out.send(first).await.unwrap();
        }
        let (sender, mut receiver) = mpsc::channel(1);
        let each = leaves / 10;
        for i in 0..10 {
            tokio::spawn(skynet(sender.clone(), first + i * each, each));
        }
        let mut sum = 0;
        for _ in 0..10 {
            sum += receiver.recv().await.unwrap();
        }
        out.send(sum).await.unwrap();
    })
}

pub fn skynet_by_channels(workers: usize, size: usize) -> f64 {
    async fn run(leaves: usize) -> usize {
        let (sender, mut receiver) = mpsc::channel(1);
        tokio::spawn(skynet(sender, 0, leaves));
        receiver.recv().await.unwrap()
    }
    on_workers(workers, async move {
        run(size / 10).await;
        seconds(async { assert_eq!(run(size).await, size * (size - 1) / 2) }).await
    })
}
