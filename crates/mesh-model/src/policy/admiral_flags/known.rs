//! Admiral's flags that a policy has no use for, each with the reason (`reference/admiral.md` §2.3).

/// Why flag `name` (without dashes) has no meaning here; none when Admiral has no such flag.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    let group = GROUPS.iter().find(|(_, names)| names.contains(&name));
    group.map(|(reason, _)| *reason)
}

/// A reason and the flags that it holds for.
type Group = (&'static str, &'static [&'static str]);

const GROUPS: &[Group] = &[
    ("dead in Admiral: nothing reads it", DEAD),
    ("no meaning here: there is no long-running process", PROCESS),
    ("no meaning here: clusters come from --fleet, there is no hub", CLUSTERS),
    ("no meaning here: every run compares with what is there and writes only differences", CACHES),
    ("no meaning here: Dependencies take effect with every run", &["enable_dependency_processing"]),
    ("no meaning here: an update that removes traffic is shown and ordered by the plan", &["prevent_split_brain"]),
    ("no meaning here: nothing fails over between copies of a program that only runs on demand", HIGH_AVAILABILITY),
    ("no meaning here: Rollouts are known by their kind", &["argo_rollouts"]),
    (
        "no meaning here: addresses come from hosts; those in Admiral's ConfigMap are kept, whatever its name",
        &["se_address_configmap"],
    ),
    ("not built: active-passive", &["enable_active_passive"]),
    ("not built: additional endpoints", &["additional_endpoint_suffixes", "additional_endpoint_label_filters"]),
    ("not built: choosing which kinds of clients count; Jobs and CronJobs always do", CLIENTS),
    ("not built: gateways that call on behalf of others", &["gateway_asset_aliases"]),
    ("not built: Sidecar objects", SIDECAR),
    ("not built: RoutingPolicy and EnvoyFilter objects", ROUTING_POLICY),
    ("not built: routing at the ingress gateway and in the cluster", VIRTUAL_SERVICES),
    (
        "not built: two load balancers a cluster; set the member's gateway in the policy",
        &["nlb_enabled_clusters", "nlb_ingress_label"],
    ),
    ("not built: TrafficConfig", &["enable_traffic_config_processing_for_slow_start"]),
    ("no meaning here: Admiral's operator and registry (\"Admiral 2.0\") have no counterpart", OPERATOR),
];

const DEAD: &[&str] = &[
    "alpha_identity_list",
    "clb_enabled_clusters",
    "deprecated_envoy_filter_version",
    "dns_config_file",
    "dns_retries",
    "dns_timeout_ms",
    "enable_diff_check",
    "enable_outlierdetection",
    "enable_proxy_envoy_filter",
    "namespace_injected_label",
    "namespace_injected_value",
    "nlb_enabled_identity_list",
    "secret_filter_tags",
    "subset_label",
];

const PROCESS: &[&str] = &[
    "dependency_warmup_multiplier",
    "dependent_cluster_worker_concurrency",
    "deployment_or_rollout_worker_concurrency",
    "log_file_path",
    "log_file_size_in_MBs",
    "log_level",
    "log_to_file",
    "metrics",
    "se_dr_sync_period",
    "sync_period",
];

const CLUSTERS: &[&str] =
    &["dependency_namespace", "kube_config", "secret_namespace", "secret_resolver", "secret_resolver_config_path"];

const CACHES: &[&str] = &[
    "enable_destinationrule_cache",
    "enable_generation_check",
    "enable_replica_count_check",
    "enable_serviceentry_cache",
];

const HIGH_AVAILABILITY: &[&str] = &[
    "admiral_state_checker_name",
    "dr_state_store_config_path",
    "dynamic_config_dynamodb_table_name",
    "dynamic_sync_period",
    "enable_dynamic_config",
    "enable_workload_data_storage",
];

const CLIENTS: &[&str] = &[
    "client_discovery_clusters_for_jobs",
    "client_discovery_clusters_for_numaflow",
    "client_initiated_processing_enabled_for_controllers",
    "client_initiated_processing_enabled_for_dynamic_config",
    "enable_client_discovery",
    "initiate_client_initiated_processing_for",
];

const SIDECAR: &[&str] = &[
    "enable_sidecar_caching",
    "max_sidecar_egress_hosts_limit_to_cache",
    "workload_sidecar_name",
    "workload_sidecar_update",
];

const ROUTING_POLICY: &[&str] = &[
    "enable_routing_policy",
    "envoy_filter_additional_config",
    "envoy_filter_version",
    "routing_policy_enabled_clusters",
];

const VIRTUAL_SERVICES: &[&str] = &[
    "enable_custom_vs_merge",
    "enable_vs_routing",
    "enable_vs_routing_in_cluster",
    "ignore_labels_annotations_vs_copy_list",
    "ingress_lb_policy",
    "ingress_vs_export_to_namespaces",
    "process_vs_created_by",
    "vs_routing_disabled_clusters",
    "vs_routing_gateways",
    "vs_routing_in_cluster_disabled_resources",
    "vs_routing_in_cluster_enabled_resources",
    "vs_routing_slow_start_enabled_clusters",
];

const OPERATOR: &[&str] = &[
    "admiral_app_env",
    "admiral_operator_mode",
    "admiral_state_syncer_clusters",
    "admiral_state_syncer_mode",
    "operator_identity_value",
    "operator_secret_filter_tags",
    "operator_sync_namespace",
    "registry_client_app_id",
    "registry_client_app_secret",
    "registry_client_base_uri",
    "registry_client_host",
    "shard_identity_label_key",
    "shard_identity_value",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::admiral_flags::MEANINGFUL;

    #[test]
    fn all_of_admirals_flags_are_known_once() {
        let ignored = GROUPS.iter().flat_map(|(_, names)| names.iter());
        let all: Vec<_> = ignored.chain(&MEANINGFUL).copied().collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "no flag stands in two groups");
        assert_eq!(all.len(), 113, "Admiral declares 113 flags");
    }
    #[test]
    fn the_documentation_names_every_flag_with_its_reason() {
        let docs = include_str!("../../../../../docs/policy.md");
        for (reason, names) in GROUPS {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let row = format!("| {reason} | {} |", names.join(", "));
            assert!(docs.contains(&row), "docs/policy.md has no row {row}");
        }
        for name in MEANINGFUL {
            assert!(docs.contains(&format!("`{name}`")), "docs/policy.md does not name {name}");
        }
    }
}
