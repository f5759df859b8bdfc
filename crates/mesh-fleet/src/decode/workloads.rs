//! Workloads: who carries an identity, and how.

use std::sync::Arc;

use mesh_model::facts::{LabelSet, MeshWish, Workload, WorkloadKind};
use mesh_model::finding::{Code, Finding};
use mesh_model::mesh::Caller;
use mesh_model::name::NameError;
use mesh_model::naming::{INBOUND_PORTS, Meta, WorkloadNaming};

use super::intern::NamedPorts;
use super::mesh::{PROXY_CONFIG, dns_capture};
use super::wire::{self, Object, PodSpec, Selector, Template};
use super::{ClusterDecoder, Item};
use crate::fleet::Depth;
use crate::limits::MAX_ENTRIES;

/// Labels of the Deployment that the chart makes for our webhook.
const OUR_WEBHOOK: [(&str, &str); 2] =
    [("app.kubernetes.io/part-of", "kubectl-mesh"), ("app.kubernetes.io/component", "webhook")];

type WorkloadObject<'a> = Object<'a, wire::WorkloadSpec<'a>, wire::WorkloadStatus>;

impl ClusterDecoder<'_> {
    pub(super) fn workload(&mut self, item: &Item<'_>, object: WorkloadObject<'_>) -> Result<(), String> {
        let kind = WorkloadKind::of(item.kind).ok_or("is no workload")?;
        let spec = object.spec.unwrap_or_default();
        let status = object.status.unwrap_or_default();
        let (selector, template) = match spec.job_template {
            Some(job) => (job.spec.selector, job.spec.template),
            None => (spec.selector, spec.template),
        };
        let namespace = item.namespace();
        let labels = &template.metadata.labels;
        if kind == WorkloadKind::Deployment && labels.has("app", "admiral") {
            self.note_admiral(format!("{namespace}/{}", item.name));
        }
        let own = &object.metadata.labels;
        if kind == WorkloadKind::Deployment && OUR_WEBHOOK.iter().all(|(key, value)| own.has(key, value)) {
            self.facts.webhook = Some(format!("{namespace}/{}", item.name).into());
        }
        if matches!(kind, WorkloadKind::Deployment | WorkloadKind::DaemonSet) {
            self.note_mesh_workload(item, &template, (spec.replicas, &status))?;
        }

        let (label, annotation) = (labels.look_up(), template.metadata.annotations.look_up());
        let (own_label, own_annotation) = (object.metadata.labels.look_up(), object.metadata.annotations.look_up());
        let naming = WorkloadNaming::read(
            &Meta { label: &label, annotation: &annotation },
            &Meta { label: &own_label, annotation: &own_annotation },
            &namespace,
            &self.policy.keys,
        );
        let WorkloadNaming { env, partition, keep_case, wish, .. } = naming;
        let Some(identity) = naming.identity else {
            return if self.depth == Depth::Traffic { self.note_caller(item, &template, (kind, wish)) } else { Ok(()) };
        };
        let (identity, env) = match (self.interner.identity(identity), self.interner.env(env)) {
            (Ok(identity), Ok(env)) => (identity, env),
            (Err(error), _) | (_, Err(error)) => {
                self.illegal_name(item, &error);
                return Ok(());
            }
        };
        let workload = Workload {
            kind,
            namespace: namespace.clone(),
            name: item.name.clone(),
            created: item.created,
            identity,
            env,
            partition: partition.map(|name| self.text(&self.policy.keys.partition, name)).transpose()?,
            keep_case,
            wish,
            inbound_ports: template
                .metadata
                .annotations
                .value(INBOUND_PORTS)
                .filter(|ports| !ports.is_empty())
                .map(|ports| self.text(INBOUND_PORTS, ports))
                .transpose()?,
            match_labels: self.match_labels(&selector),
            labels: self.interner.labels(labels),
            dns_capture: template.metadata.annotations.value(PROXY_CONFIG).and_then(dns_capture),
            container_ports: self.container_ports(&template)?,
            service_account: self.service_account(&template.spec)?,
            replicas: spec.replicas.or(status.desired_number_scheduled),
            ready: status.ready_replicas.or(status.number_ready),
        };
        self.facts.workloads.push(workload);
        Ok(())
    }

    /// A workload that serves no name, but may call one.
    fn note_caller(
        &mut self,
        item: &Item<'_>,
        template: &Template<'_>,
        (kind, wish): (WorkloadKind, MeshWish),
    ) -> Result<(), String> {
        let caller = Caller {
            kind,
            namespace: item.namespace(),
            name: item.name.clone(),
            wish,
            labels: self.interner.labels(&template.metadata.labels),
            dns_capture: template.metadata.annotations.value(PROXY_CONFIG).and_then(dns_capture),
            service_account: self.service_account(&template.spec)?,
        };
        self.facts.mesh.others.push(caller);
        Ok(())
    }

    /// Of several Deployments that run Admiral, the smallest name counts.
    fn note_admiral(&mut self, name: String) {
        let admiral = &mut self.facts.admiral;
        if admiral.as_deref().is_none_or(|known| name.as_str() < known) {
            *admiral = Some(name.into());
        }
    }

    fn illegal_name(&mut self, item: &Item<'_>, error: &NameError) {
        let finding = Finding::new(Code::IllegalHost, Some(&self.cluster.clone()), item.shown(), error.to_string());
        self.find(finding);
    }

    fn match_labels(&mut self, selector: &Selector<'_>) -> LabelSet {
        self.interner.labels(&selector.match_labels)
    }

    fn container_ports(&mut self, template: &Template<'_>) -> Result<NamedPorts, String> {
        let mut named = Vec::new();
        for port in template.spec.containers.iter().flat_map(|container| &container.ports) {
            if let Some(name) = self.filled("a container port's name", port.name.as_ref())? {
                named.push((name, port.container_port));
            }
        }
        if named.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} named ports"));
        }
        Ok(self.interner.container_ports(named))
    }

    fn service_account(&mut self, pod: &PodSpec<'_>) -> Result<Arc<str>, String> {
        let named =
            [&pod.service_account_name, &pod.service_account].into_iter().flatten().find(|name| !name.is_empty());
        self.text("serviceAccountName", named.map_or("default", |name| &**name))
    }
}
