//! A cluster that answers what a test lays down, over plain HTTP on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kube::config::{AuthInfo, Cluster};

use super::credentials;
use super::plugins::Plugins;
use super::rest::Rest;
use super::target::Target;

/// A path with its query, the status and the body.
pub(crate) type Answer = (String, u16, String);

/// A client of a server that gives `answers`, and 404 to everything else.
pub(crate) async fn rest(answers: Vec<Answer>) -> Rest {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            let path = first.split(' ').nth(1).unwrap().to_owned();
            lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
            let missing = (path.clone(), 404, r#"{"kind":"Status","code":404,"reason":"NotFound"}"#.to_owned());
            let (_, status, body) = answers.iter().find(|answer| answer.0 == path).unwrap_or(&missing);
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    let cluster = Cluster { server: Some(server), ..Cluster::default() };
    let target = Target::of_kubeconfig("hub", credentials::kubeconfig("hub", cluster, AuthInfo::default()), "hub");
    target.connect(&Arc::new(Plugins::of_user()), true, Duration::from_secs(10), Duration::from_secs(10)).await.unwrap()
}
