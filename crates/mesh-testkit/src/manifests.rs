//! Manifests of a cluster as an API server lists them or a repository keeps them, for benches of reading.

use serde_json::{Value, json};

/// Namespaces that the objects are spread over: the design point has 16,000 for 300 clusters.
const NAMESPACES: usize = 53;

/// `count` Deployments with an identity, as an API server has them: managed fields, last applied configuration, status.
pub fn deployments(count: usize) -> Vec<Value> {
    (0..count).map(deployment).collect()
}

/// The Services in front of [`deployments`].
pub fn services(count: usize) -> Vec<Value> {
    (0..count).map(service).collect()
}

/// The same objects as a repository keeps them: without what the API server adds.
pub fn kept(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        let metadata = object["metadata"].as_object_mut().expect("every object has metadata");
        metadata.retain(|key, _| ["annotations", "labels", "name", "namespace"].contains(&key.as_str()));
        metadata["annotations"].as_object_mut().expect("every object has annotations").remove(LAST_APPLIED);
        object.as_object_mut().expect("an object").remove("status");
    }
    objects
}

/// One page of an API server: a list of objects of one kind, which say neither kind nor version.
pub fn page(mut objects: Vec<Value>) -> String {
    let kind = objects[0]["kind"].as_str().expect("an object has a kind").to_owned() + "List";
    let api_version = objects[0]["apiVersion"].clone();
    for object in &mut objects {
        object.as_object_mut().expect("an object").retain(|key, _| key != "kind" && key != "apiVersion");
    }
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"resourceVersion": "81327"}, "items": objects})
        .to_string()
}

/// One file of a repository: YAML documents.
pub fn file(objects: &[Value]) -> String {
    let documents: Vec<String> =
        objects.iter().map(|object| serde_saphyr::to_string(object).expect("JSON is YAML")).collect();
    documents.join("---\n")
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn deployment(number: usize) -> Value {
    let name = name(number);
    let spec = json!({
        "replicas": 3,
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "template": {
            "metadata": {
                "annotations": {"admiral.io/env": "prod", "prometheus.io/scrape": "true"},
                "labels": {
                    "app.kubernetes.io/name": name,
                    "app.kubernetes.io/version": format!("1.{}.{}", number % 30, number % 7),
                    "identity": format!("unit-{}.{name}", number % 97),
                    "sidecar.istio.io/inject": "true",
                },
            },
            "spec": {
                "serviceAccountName": name,
                "containers": [{
                    "name": "app",
                    "image": format!("registry.example.com/unit-{}/{name}:1.{}", number % 97, number % 30),
                    "env": (0..8).map(|n| json!({"name": format!("SETTING_{n}"), "value": "some value"})).collect::<Vec<_>>(),
                    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
                    "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "250m", "memory": "512Mi"}},
                }],
            },
        },
    });
    let status = json!({"availableReplicas": 3, "observedGeneration": 12, "readyReplicas": 3, "replicas": 3});
    object("apps/v1", "Deployment", number, &spec, &status)
}

fn service(number: usize) -> Value {
    let spec = json!({
        "clusterIP": format!("10.{}.{}.{}", 96 + number / 65_536, number / 256 % 256, number % 256),
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"},
            {"name": "http-metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090},
        ],
        "selector": {"app.kubernetes.io/name": name(number)},
        "sessionAffinity": "None",
        "type": "ClusterIP",
    });
    object("v1", "Service", number, &spec, &json!({"loadBalancer": {}}))
}

fn object(api_version: &str, kind: &str, number: usize, spec: &Value, status: &Value) -> Value {
    let name = name(number);
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm"});
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "annotations": {
                "meta.helm.sh/release-name": name,
                LAST_APPLIED: json!({"apiVersion": api_version, "kind": kind, "spec": spec}).to_string(),
            },
            "creationTimestamp": format!("2026-0{}-{:02}T08:{:02}:00Z", 1 + number % 9, 1 + number % 28, number % 60),
            "generation": 12,
            "labels": labels,
            "managedFields": [{
                "apiVersion": api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}}, "f:spec": fields(spec)},
                "manager": "helm",
                "operation": "Apply",
                "time": "2026-05-04T08:00:00Z",
            }],
            "name": name,
            "namespace": format!("team-{:02}", number % NAMESPACES),
            "resourceVersion": (81_000 + number).to_string(),
            "uid": format!("7c7d6ed4-3b0c-4f3e-9d55-{number:012}"),
        },
        "spec": spec,
        "status": status,
    })
}

/// The names of fields, nested, as managed fields have them.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect(),
        _ => json!({}),
    }
}

fn name(number: usize) -> String {
    format!("inventory-service-{number:05}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_have_the_size_of_real_ones() {
        let (deployment, service) = (deployment(0), service(0));
        assert!((3_000..8_000).contains(&deployment.to_string().len()), "{}", deployment.to_string().len());
        assert!((1_500..3_000).contains(&service.to_string().len()), "{}", service.to_string().len());
        let kept = file(&kept(vec![deployment, service]));
        assert!(!kept.contains("managedFields") && !kept.contains("status:"), "{kept}");
    }
}
