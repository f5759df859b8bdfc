//! Which port of a Service is published, and as what (`reference/admiral.md` §4.4, deviation D15).

use mesh_model::facts::{Service, ServicePort, TargetPort, Workload};

/// The number that HTTP-family protocols are published under.
pub(super) const HTTP_PORT: u16 = 80;

/// The port through which a workload is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MeshPort {
    /// `http`, `http2`, `grpc`, `grpc-web`, `https`, `tls`, `tcp`, `mongo`, `mysql`, `redis`.
    pub(super) protocol: &'static str,
    /// Where a local endpoint listens: the Service's port, for a headless Service the container's.
    pub(super) number: u16,
    /// The number it is published under.
    pub(super) published: u16,
    /// How many further TCP ports the Service has.
    pub(super) further: usize,
}

/// The mesh port of `service` for `workload`; none where the Service cannot be a mesh service.
pub(super) fn mesh_port(service: &Service, workload: &Workload) -> Option<MeshPort> {
    let mut ports = service.ports.iter().filter(|port| !port.not_tcp);
    let port = match workload.inbound_ports.as_deref().filter(|list| !list.is_empty()) {
        None => ports.next(),
        Some(list) => {
            let wanted = list.split(',').find_map(|item| item.parse::<u16>().ok())?;
            ports.find(|port| listens_on(port) == wanted)
        }
    }?;
    let protocol = protocol(port);
    Some(MeshPort {
        protocol,
        number: if service.headless { container_port(port, workload) } else { port.number },
        published: if is_http(protocol) { HTTP_PORT } else { port.number },
        further: service.ports.iter().filter(|port| !port.not_tcp).count() - 1,
    })
}

/// Whether a protocol is of the HTTP family.
pub(super) fn is_http(protocol: &str) -> bool {
    matches!(protocol, "http" | "http2" | "grpc" | "grpc-web")
}

/// The number that `includeInboundPorts` is compared with: the target's, or the Service's where that is a name.
fn listens_on(port: &ServicePort) -> u16 {
    match port.target {
        TargetPort::Number(number) => number,
        TargetPort::Unset | TargetPort::Name(_) => port.number,
    }
}

fn container_port(port: &ServicePort, workload: &Workload) -> u16 {
    match &port.target {
        TargetPort::Number(number) => *number,
        TargetPort::Name(name) => {
            workload.container_ports.iter().find(|(known, _)| known == name).map_or(port.number, |(_, number)| *number)
        }
        TargetPort::Unset => port.number,
    }
}

fn protocol(port: &ServicePort) -> &'static str {
    let name = &*port.name;
    if name == "grpc-web" || name.starts_with("grpc-web-") {
        return "grpc-web";
    }
    by_word(name.split('-').next().unwrap_or_default())
        .or_else(|| ["grpc-web", "grpc", "http2", "http"].into_iter().find(|prefix| name.starts_with(prefix)))
        .or_else(|| port.app_protocol.as_deref().and_then(by_app_protocol))
        .unwrap_or("http")
}

/// A protocol word as shared text, if it is one that is published.
pub(super) fn by_word(word: &str) -> Option<&'static str> {
    ["http", "http2", "grpc", "grpc-web", "https", "tls", "tcp", "mongo", "mysql", "redis"]
        .into_iter()
        .find(|known| *known == word)
}

/// `appProtocol`: the words above, and those that Kubernetes standardised (KEP-3726).
fn by_app_protocol(text: &str) -> Option<&'static str> {
    match text {
        "kubernetes.io/h2c" => Some("http2"),
        "kubernetes.io/ws" | "kubernetes.io/wss" => Some("http"),
        other => by_word(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, app_protocol: Option<&str>) -> ServicePort {
        ServicePort {
            name: name.into(),
            number: 8080,
            target: TargetPort::Unset,
            app_protocol: app_protocol.map(Into::into),
            not_tcp: false,
        }
    }

    #[test]
    fn the_protocol_is_the_port_names_then_app_protocol_then_http() {
        for (name, app_protocol, want) in [
            ("http", None, "http"),
            ("http-web", Some("grpc"), "http"),
            ("grpc-web", None, "grpc-web"),
            ("grpc-web-x", None, "grpc-web"),
            ("grpc-api", None, "grpc"),
            ("grpcapi", None, "grpc"),
            ("http2x", None, "http2"),
            ("tcp-db", None, "tcp"),
            ("redis", None, "redis"),
            ("web", Some("kubernetes.io/h2c"), "http2"),
            ("web", Some("tcp"), "tcp"),
            ("web", Some("strange"), "http"),
            ("HTTP2", None, "http"),
            ("", None, "http"),
        ] {
            assert_eq!(protocol(&port(name, app_protocol)), want, "{name} {app_protocol:?}");
        }
    }
}
