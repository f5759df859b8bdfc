//! Workloads: who carries an identity, and how.

use std::sync::Arc;

use mesh_model::facts::{LabelSet, MeshWish, Workload, WorkloadKind};
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::mesh::Caller;
use mesh_model::name::NameError;
use mesh_model::naming::{self, INBOUND_PORTS, KEEP_CASE, Meta};

use super::cluster::DATAPLANE_MODE;
use super::intern::NamedPorts;
use super::mesh::{PROXY_CONFIG, dns_capture};
use super::text::Pairs;
use super::wire::{self, Object, PodSpec, Selector, Template};
use super::{ClusterDecoder, Item};
use crate::fleet::Depth;
use crate::limits::MAX_ENTRIES;

type WorkloadObject<'a> = Object<'a, wire::WorkloadSpec<'a>, wire::WorkloadStatus>;

impl ClusterDecoder<'_> {
    pub(super) fn workload(&mut self, item: &Item<'_>, object: WorkloadObject<'_>) -> Result<(), String> {
        let kind = workload_kind(item.kind);
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

        if matches!(kind, WorkloadKind::Deployment | WorkloadKind::DaemonSet) {
            self.note_mesh_workload(item, &template, (spec.replicas, &status))?;
        }

        let policy = self.policy;
        let (label, annotation) = (labels.look_up(), template.metadata.annotations.look_up());
        let meta = Meta { label: &label, annotation: &annotation };
        let (own_label, own_annotation) = (object.metadata.labels.look_up(), object.metadata.annotations.look_up());
        let own = Meta { label: &own_label, annotation: &own_annotation };
        let wish = MeshWish {
            inject_label: wish(labels, &policy.keys.inject),
            inject_annotation: wish(&template.metadata.annotations, &policy.keys.inject),
            ambient: labels.has(DATAPLANE_MODE, "ambient"),
            ignored: labels.has(&policy.keys.ignore, "true") || own.is_ignored_by_annotation(),
        };
        let Some(identity) = naming::workload_identity(&meta, &policy.keys) else {
            return if self.depth == Depth::Traffic { self.note_caller(item, &template, (kind, wish)) } else { Ok(()) };
        };
        let env = naming::workload_env(&meta, &namespace, &policy.keys);
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
            keep_case: template.metadata.annotations.has(KEEP_CASE, "true"),
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

/// What a label or annotation says of injection; what is neither `true` nor empty is no.
fn wish(pairs: &Pairs<'_>, key: &str) -> Option<bool> {
    pairs.value(key).filter(|value| !value.is_empty()).map(|value| value == "true")
}

fn workload_kind(kind: Kind) -> WorkloadKind {
    match kind {
        Kind::CronJob => WorkloadKind::CronJob,
        Kind::DaemonSet => WorkloadKind::DaemonSet,
        Kind::Job => WorkloadKind::Job,
        Kind::Rollout => WorkloadKind::Rollout,
        Kind::StatefulSet => WorkloadKind::StatefulSet,
        _ => WorkloadKind::Deployment,
    }
}
