//! Links, addresses and routes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Command, Stdio};

use super::space::{Space, run};

/// The bridge of the program's own namespace, which the nodes are joined to.
const BRIDGE: &str = "bridge0";

/// Makes the bridge.
pub(super) fn make_bridge() {
    let lines = format!(
        "ip link set lo up
        ip link add {BRIDGE} type bridge
        ip addr add 198.18.0.254/24 dev {BRIDGE}
        ip link set {BRIDGE} up"
    );
    run(Command::new("sh").args(["-ec", &lines]));
}

/// The addresses of one cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses(pub(super) u8);

impl Addresses {
    /// Of its node.
    pub(super) fn node(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 0, self.0)
    }

    /// Of its gateway's load balancer.
    pub(super) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 0, 100 + self.0)
    }

    /// Another one for it.
    pub(super) fn other_gateway(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 0, 150 + self.0)
    }

    /// Of its istiod and its name server.
    pub(super) fn control_plane(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 0, 200 + self.0)
    }

    /// Of a pod.
    pub(super) fn pod(self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.0, 1, number)
    }

    /// Of the node, as its pods know it.
    pub(super) fn router(self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.0, 0, 1)
    }
}

/// Gives the control plane of a cluster an address.
pub(super) fn add_control_plane(addresses: Addresses) {
    run(Command::new("ip").args(["addr", "add", &format!("{}/24", addresses.control_plane()), "dev", BRIDGE]));
}

/// Joins a node to the bridge. Services are addresses of its own, so that connections to them get as far as their rules.
pub(super) fn join_node(space: &Space, addresses: Addresses, services: &str) {
    let (node, gateway, router) = (addresses.node(), addresses.gateway(), addresses.router());
    let outside = format!("node{}", addresses.0);
    space.script(&format!(
        "ip link add wan0 type veth peer name {outside} netns {ours}
        ip addr add {node}/24 dev wan0
        ip addr add {gateway}/24 dev wan0
        ip link set wan0 up
        ip addr add {router}/32 dev lo
        ip route add default via 198.18.0.254
        ip route add blackhole 10.0.0.0/8 metric 9999
        ip route add {services} dev lo
        echo 1 > /proc/sys/net/ipv4/ip_forward",
        ours = std::process::id(),
    ));
    run(Command::new("ip").args(["link", "set", &outside, "master", BRIDGE, "up"]));
}

/// Gives a node an address on the bridge.
pub(super) fn add_address(node: &Space, address: Ipv4Addr) {
    node.script(&format!("ip addr add {address}/24 dev wan0"));
}

/// Joins a pod to its node.
pub(super) fn join_pod(pod: &Space, node: &Space, addresses: Addresses, number: u8) {
    let (address, router, link) = (addresses.pod(number), addresses.router(), format!("pod{number}"));
    pod.script(&format!(
        "ip link add eth0 type veth peer name {link} netns {node}
        ip addr add {address}/32 dev eth0
        ip link set eth0 up
        ip route add {router} dev eth0
        ip route add default via {router} dev eth0",
        node = node.id(),
    ));
    node.script(&format!("ip link set {link} up\nip route add {address} dev {link}"));
}

/// What istio-init does for a pod with a sidecar.
pub(super) fn capture(rules: &Path, pod: &Space) {
    run(pod.command(Path::new("/"), rules).arg("pod"));
}

/// What kube-proxy does for a node: each address and port leads to one pod.
pub(super) fn translate(rules: &Path, node: &Space, services: &BTreeMap<SocketAddrV4, SocketAddrV4>) {
    let mut command = node.command(Path::new("/"), rules);
    let mut child = command.args(["node", "wan0"]).stdin(Stdio::piped()).spawn().expect("nsenter was used before");
    let text = serde_json::to_vec(
        &services.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect::<BTreeMap<_, _>>(),
    );
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(&text.expect("texts are JSON")).expect("it reads what it is given");
    drop(input);
    assert!(child.wait().expect("it was started").success(), "rules of a node");
}
