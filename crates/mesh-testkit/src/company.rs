//! A company with many clusters, as fake API servers: as many members and Services as a test or a bench asks for.
//!
//! Groups of [`GROUP`] clusters run the same names, and the next group calls them, so that ten clusters hold each name.
//! Clusters of a group share their objects, and with them the pages that lists bring: hundreds of clusters then take
//! little more memory and time than dozens.

use serde_json::{Value, json};

use crate::apiserver::{FakeFleet, Objects, Setup};
use crate::manifests;

/// Clusters that run the same names.
pub const GROUP: usize = 5;

const REGIONS: [&str; 4] = ["us-west-2", "us-east-2", "eu-central-1", "eu-west-1"];

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub struct Company {
    /// Clusters; a multiple of [`GROUP`], of which there are at least two.
    pub members: usize,
    /// Services of each cluster, and as many Deployments.
    pub services: usize,
    /// Global names that each group runs; the rest has no identity.
    pub names: usize,
}

impl Company {
    /// Starts the clusters, with their policy stored and nothing generated yet.
    pub fn start(self) -> FakeFleet {
        let groups: Vec<Objects> = (0..self.groups()).map(|group| self.objects(group)).collect();
        FakeFleet::start((0..self.members).map(|number| {
            let mut objects = groups[number / GROUP].clone();
            objects.add(dependency(number / GROUP, &self.called_by(number / GROUP)));
            (cluster(number), Setup::holding(objects))
        }))
    }

    /// The base host of the `name`th name of a group.
    pub fn host(self, group: usize, name: usize) -> String {
        format!("prod.{}.global", identity(group, name))
    }

    /// How many groups there are.
    pub fn groups(self) -> usize {
        self.members / GROUP
    }

    /// Objects that are generated in all clusters once everything is written: a ServiceEntry and a DestinationRule in
    /// each cluster that runs or calls a name. The caller of a group has a name too, which nobody calls.
    pub fn generated(self) -> usize {
        self.groups() * (self.names * 2 + 1) * GROUP * 2
    }

    fn objects(self, group: usize) -> Objects {
        let mut objects = manifests::deployments(self.services);
        for (number, deployment) in objects.iter_mut().enumerate() {
            let labels = &mut deployment["spec"]["template"]["metadata"]["labels"];
            if number < self.names {
                labels["identity"] = identity(group, number).into();
            } else if number == self.names {
                labels["identity"] = caller(group).into();
            } else if let Some(labels) = labels.as_object_mut() {
                labels.remove("identity");
            }
        }
        objects.extend(manifests::services(self.services));
        objects.push(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mesh-policy", "namespace": "mesh-sync"},
            "data": {"mesh.yaml": self.policy()},
        }));
        Objects::of(objects)
    }

    /// Gateways, networks and regions stand in the policy.
    fn policy(self) -> String {
        let member = |number: usize| {
            json!({
                "name": cluster(number),
                "network": format!("net-{number:03}"),
                "region": REGIONS[number % REGIONS.len()],
                "gateway": format!("gw-{number:03}.example.com"),
            })
        };
        let members: Vec<Value> = (0..self.members).map(member).collect();
        let policy = json!({
            "apiVersion": "kubectl-mesh.io/v1alpha1", "kind": "MeshPolicy", "revision": 1,
            "sans": "serviceAccounts", "fleet": {"members": members},
        });
        serde_saphyr::to_string(&policy).expect("JSON is YAML")
    }

    /// What the clusters of a group call: everything of the group before.
    fn called_by(self, group: usize) -> Vec<String> {
        let called = (group + self.groups() - 1) % self.groups();
        (0..self.names).map(|name| identity(called, name)).collect()
    }
}

/// The name of a cluster.
pub fn cluster(number: usize) -> String {
    format!("c{number:03}")
}

/// The identity of the `name`th name of a group.
pub fn identity(group: usize, name: usize) -> String {
    format!("unit-{group:02}.service-{name:03}")
}

/// The identity that calls others in a group.
fn caller(group: usize) -> String {
    format!("unit-{group:02}.caller")
}

/// What the callers of a group depend on.
pub fn dependency(group: usize, destinations: &[String]) -> Value {
    json!({
        "apiVersion": "admiral.io/v1alpha1", "kind": "Dependency",
        "metadata": {"name": "of-the-caller", "namespace": "mesh-sync"},
        "spec": {"source": caller(group), "identityLabel": "identity", "destinations": destinations},
    })
}
