//! The manifests as structs: only the fields that some rule uses. Everything else is passed over while reading.

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::text::{Pairs, or_default};
use mesh_json::Text;

/// An object, with the spec and status that its kind has, and its managed fields where they are read.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    bound(
        deserialize = "'de: 'a, Spec: Deserialize<'de>, Status: Deserialize<'de>, Fields: Deserialize<'de> + Default"
    )
)]
pub(crate) struct Object<'a, Spec, Status = IgnoredAny, Fields = IgnoredAny> {
    #[serde(borrow, default)]
    pub(crate) api_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) kind: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) metadata: Metadata<'a, Fields>,
    #[serde(default = "none")]
    pub(crate) spec: Option<Spec>,
    #[serde(default = "none")]
    pub(crate) status: Option<Status>,
}

fn none<T>() -> Option<T> {
    None
}

/// A list of objects.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct List<T> {
    #[serde(default = "Vec::new", deserialize_with = "or_default")]
    pub(crate) items: Vec<T>,
}

/// What a page of a list says of itself. Its items are checked to be there, and read elsewhere.
#[derive(Debug, Deserialize)]
pub(crate) struct PageHead<'a> {
    #[serde(borrow)]
    pub(crate) kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) metadata: PageMetadata<'a>,
    #[serde(rename = "items")]
    pub(crate) _items: IgnoredAny,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PageMetadata<'a> {
    #[serde(borrow, rename = "continue")]
    pub(crate) next: Option<Text<'a>>,
    #[serde(borrow, rename = "resourceVersion")]
    pub(crate) version: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a, Fields: Deserialize<'de> + Default"))]
pub(crate) struct Metadata<'a, Fields = IgnoredAny> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) namespace: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) uid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) resource_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) creation_timestamp: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) labels: Pairs<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) annotations: Pairs<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) managed_fields: Fields,
}

/// Who wrote an object, as far as it is told.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ManagedFields<'a> {
    #[serde(borrow)]
    pub(crate) manager: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) subresource: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadSpec<'a> {
    pub(crate) replicas: Option<u32>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) selector: Selector<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) template: Template<'a>,
    #[serde(borrow)]
    pub(crate) job_template: Option<Box<JobTemplate<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Selector<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) match_labels: Pairs<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JobTemplate<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) spec: JobSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JobSpec<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) selector: Selector<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) template: Template<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Template<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) spec: PodSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec<'a> {
    #[serde(borrow)]
    pub(crate) service_account_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) service_account: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) containers: Vec<Container<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Container<'a> {
    #[serde(borrow)]
    pub(crate) image: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) env: NetworkView<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) ports: Vec<ContainerPort<'a>>,
}

/// The value of the one environment variable that is asked for; the others are passed over.
#[derive(Debug, Default)]
pub(crate) struct NetworkView<'a>(pub(crate) Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for NetworkView<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Variables;
        impl<'de> Visitor<'de> for Variables {
            type Value = NetworkView<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of environment variables")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut view = None;
                while let Some(variable) = seq.next_element::<Variable<'de>>()? {
                    if variable.name.as_deref() == Some(NETWORK_VIEW) {
                        view = variable.value;
                    }
                }
                Ok(NetworkView(view))
            }
        }
        deserializer.deserialize_seq(Variables)
    }
}

/// By it a gateway asks for the endpoints of its own network only (Istio, multi-network installation).
const NETWORK_VIEW: &str = "ISTIO_META_REQUESTED_NETWORK_VIEW";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerPort<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    pub(crate) container_port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadStatus {
    pub(crate) ready_replicas: Option<u32>,
    pub(crate) number_ready: Option<u32>,
    pub(crate) desired_number_scheduled: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceSpec<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) selector: Pairs<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) ports: Vec<ServicePort<'a>>,
    #[serde(borrow, rename = "clusterIP")]
    pub(crate) cluster_ip: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    pub(crate) service_type: Option<Text<'a>>,
    #[serde(borrow, rename = "externalIPs", deserialize_with = "or_default")]
    pub(crate) external_ips: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicePort<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Option<Text<'a>>,
    pub(crate) port: u16,
    #[serde(borrow, default)]
    pub(crate) target_port: Option<IntOrText<'a>>,
    #[serde(default)]
    pub(crate) node_port: Option<u16>,
    #[serde(borrow, default)]
    pub(crate) app_protocol: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) protocol: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceStatus<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) load_balancer: LoadBalancer<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoadBalancer<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) ingress: Vec<Ingress<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ingress<'a> {
    #[serde(borrow)]
    pub(crate) hostname: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) ip: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DependencySpec<'a> {
    #[serde(borrow)]
    pub(crate) source: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) destinations: Vec<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GlobalTrafficPolicySpec<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) policy: Vec<TrafficItem<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) selector: Pairs<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TrafficItem<'a> {
    #[serde(borrow)]
    pub(crate) dns_prefix: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) dns: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) lb_type: Option<IntOrText<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) target: Vec<Target<'a>>,
    #[serde(rename = "outlier_detection")]
    pub(crate) outlier_detection: Option<OutlierConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Target<'a> {
    #[serde(borrow)]
    pub(crate) region: Option<Text<'a>>,
    pub(crate) weight: Option<i64>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(crate) struct OutlierConfig {
    pub(crate) base_ejection_time: Option<i64>,
    pub(crate) consecutive_gateway_errors: Option<u32>,
    pub(crate) interval: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutlierDetectionSpec<'a> {
    #[serde(deserialize_with = "or_default")]
    pub(crate) outlier_config: OutlierConfig,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) selector: Pairs<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConnectionConfigSpec {
    pub(crate) connection_pool: Option<super::whole::Whole>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimSetSpec {
    #[serde(deserialize_with = "or_default")]
    pub(crate) entries: Vec<mesh_model::claim::Claim>,
}

/// `data` of a ConfigMap; its other fields were read before.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigMapData<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) data: Pairs<'a>,
}

/// A number or a text, as `targetPort` and `lbType` are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IntOrText<'a> {
    Int(i64),
    Text(Text<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for IntOrText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntOrTextVisitor;
        impl<'de> Visitor<'de> for IntOrTextVisitor {
            type Value = IntOrText<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an integer or a string")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(IntOrText::Int(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                i64::try_from(value).map(IntOrText::Int).map_err(|_| E::custom(format_args!("{value} is too large")))
            }
            fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(IntOrText::Text(Text(value.into())))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(IntOrText::Text(Text(value.to_owned().into())))
            }
        }
        deserializer.deserialize_any(IntOrTextVisitor)
    }
}
