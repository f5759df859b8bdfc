//! A loop that only downloads and unpacks: what reading a fleet costs at least, with the client that the program has.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::{Request, header};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests at once to one cluster, as many as the program sends.
const AT_ONCE: usize = 4;
/// Groups and versions in one answer, as the program asks for them.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// Sends a GET for each path of each context, reads every answer to its end and forgets it. How many bytes there were,
/// unpacked.
pub fn download(kubeconfig: &Path, paths: BTreeMap<String, Vec<String>>) -> usize {
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a process may start threads");
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig of our own");
        let mut running = JoinSet::new();
        for (context, paths) in paths {
            let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await;
            let mut config = config.expect("the kubeconfig has the context");
            config.default_retry = false;
            let client = Client::try_from(config).expect("a certificate of our own");
            let turns = Arc::new(Semaphore::new(AT_ONCE));
            for path in paths {
                let (client, turns) = (client.clone(), Arc::clone(&turns));
                running.spawn(async move {
                    let _turn = turns.acquire().await.expect("the semaphore is never closed");
                    get(&client, &path).await
                });
            }
        }
        running.join_all().await.into_iter().sum()
    })
}

async fn get(client: &Client, path: &str) -> usize {
    let accept = if path == "/apis" { DISCOVERY } else { "application/json" };
    let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty()).expect("a path that was asked");
    let answer = client.send(request).await.expect("an answer");
    answer.into_body().collect().await.expect("a whole answer").to_bytes().len()
}
