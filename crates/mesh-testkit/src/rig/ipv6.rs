//! IPv6 beside the IPv4 of the rig: a load balancer that has such an address, and a pod that reaches it.
//!
//! Proxies know of IPv4 only. As in the clouds, the load balancer ends connections and makes others to the gateway's pod.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::task::{AbortHandle, spawn_blocking};

use super::space::Space;
use super::wires::Addresses;
use crate::runtime::runtime;

/// The port of an east-west gateway.
const GATEWAY: u16 = 15443;

/// A load balancer that ends when it is dropped.
pub struct LoadBalancer {
    address: Ipv6Addr,
    task: AbortHandle,
}

impl LoadBalancer {
    /// One on a node, which leads to a pod of it.
    pub(super) fn start(node: &Arc<Space>, addresses: Addresses, pod: Ipv4Addr) -> Self {
        let address = outside(addresses, 0x100);
        node.script(&format!("ip -6 addr replace {address}/64 dev wan0 nodad"));
        let listener = node.within(|| TcpListener::bind((address, GATEWAY))).expect("an address of our own");
        listener.set_nonblocking(true).expect("a socket of our own");
        let node = Arc::clone(node);
        let task = runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket of our own");
            loop {
                // A connection that broke before it was taken is its client's concern.
                let Ok((mut outer, _)) = listener.accept().await else { continue };
                let node = Arc::clone(&node);
                tokio::spawn(async move {
                    let connect = move || node.within(|| TcpStream::connect(SocketAddr::from((pod, GATEWAY))));
                    let Ok(Ok(inner)) = spawn_blocking(connect).await else { return };
                    inner.set_nonblocking(true).expect("a socket of our own");
                    let mut inner = tokio::net::TcpStream::from_std(inner).expect("a socket of our own");
                    // How a connection ends is the concern of its ends.
                    let _ = copy_bidirectional(&mut outer, &mut inner).await;
                });
            }
        });
        Self { address, task: task.abort_handle() }
    }

    /// Its address.
    pub fn address(&self) -> Ipv6Addr {
        self.address
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Gives a pod an address, and its node one on the bridge.
pub(super) fn join_pod(pod: &Space, node: &Space, addresses: Addresses, number: u8) {
    let (address, link) = (pod_address(addresses, number), format!("pod{number}"));
    node.script(&format!(
        "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
        ip -6 addr replace {}/64 dev wan0 nodad
        ip -6 addr replace fe80::1/64 dev {link} nodad
        ip -6 route replace {address} dev {link}",
        outside(addresses, 0),
    ));
    pod.script(&format!(
        "ip -6 addr replace {address}/128 dev eth0 nodad
        ip -6 route replace default via fe80::1 dev eth0"
    ));
}

/// Lets a node answer the pods of another cluster.
pub(super) fn lead_back(node: &Space, others: Addresses) {
    node.script(&format!("ip -6 route replace fd00:10:{:x}::/48 via {}", others.0, outside(others, 0)));
}

fn outside(addresses: Addresses, more: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x198, 0, 0, 0, 0, 0, more + u16::from(addresses.0))
}

fn pod_address(addresses: Addresses, number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x10, u16::from(addresses.0), 0, 0, 0, 0, u16::from(number))
}
