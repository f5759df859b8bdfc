//! Workloads as API servers write them, read in one pass: the same as serde reads into the types of this module, or nothing.

use std::borrow::Cow;

use mesh_json::{Fail, Reader, Text};

use super::{JobSpec, JobTemplate, Map, Metadata, Pairs, Parts, Template, WorkloadObject, WorkloadSpec};

/// What is told once.
pub(crate) fn once<T>(told: &mut Option<T>, value: T) -> Result<(), Fail> {
    if told.replace(value).is_some() { Err(Fail) } else { Ok(()) }
}

/// What is null is not given.
pub(crate) fn unless_null<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Fail>,
) -> Result<Option<T>, Fail> {
    if reader.takes_null()? { Ok(None) } else { read(reader).map(Some) }
}

/// A workload.
pub(crate) fn workload<'a>(reader: &mut Reader<'a>) -> Result<WorkloadObject<'a>, Fail> {
    let (mut own, mut its_spec) = (None, None);
    reader.members(&mut |reader, key| match key {
        "metadata" => once(&mut own, unless_null(reader, metadata)?),
        "spec" => once(&mut its_spec, unless_null(reader, spec)?),
        _ => reader.skip(),
    })?;
    Ok(Map(Parts { metadata: own.flatten().map(Map), spec: its_spec.flatten().map(Map) }).into())
}

fn spec<'a>(reader: &mut Reader<'a>) -> Result<WorkloadSpec<'a>, Fail> {
    let (mut of_pods, mut of_jobs) = (None, None);
    reader.members(&mut |reader, key| match key {
        "template" => once(&mut of_pods, unless_null(reader, template)?),
        "jobTemplate" => once(&mut of_jobs, unless_null(reader, job_template)?),
        _ => reader.skip(),
    })?;
    Ok(WorkloadSpec { template: of_pods.flatten(), job_template: of_jobs.flatten().map(Map) })
}

fn job_template<'a>(reader: &mut Reader<'a>) -> Result<JobTemplate<'a>, Fail> {
    let mut spec = None;
    reader.members(&mut |reader, key| match key {
        "spec" => once(&mut spec, unless_null(reader, job_spec)?),
        _ => reader.skip(),
    })?;
    Ok(JobTemplate { spec: spec.flatten().map(Map) })
}

fn job_spec<'a>(reader: &mut Reader<'a>) -> Result<JobSpec<'a>, Fail> {
    let mut of_pods = None;
    reader.members(&mut |reader, key| match key {
        "template" => once(&mut of_pods, unless_null(reader, template)?),
        _ => reader.skip(),
    })?;
    Ok(JobSpec { template: of_pods.flatten() })
}

fn template<'a>(reader: &mut Reader<'a>) -> Result<Template<'a>, Fail> {
    let (mut own, mut parts) = (None, Vec::with_capacity(2));
    reader.members(&mut |reader, key| {
        let part = reader.take_part(|reader| {
            if key != "metadata" {
                return reader.skip();
            }
            own = unless_null(reader, metadata)?;
            Ok(())
        })?;
        parts.push((Text(Cow::Borrowed(key)), part));
        Ok(())
    })?;
    Ok(Template { metadata: own, parts: Pairs(parts) })
}

fn metadata<'a>(reader: &mut Reader<'a>) -> Result<Metadata<'a>, Fail> {
    let (mut labels, mut annotations) = (None, None);
    reader.members(&mut |reader, key| match key {
        "labels" => once(&mut labels, unless_null(reader, pairs)?),
        "annotations" => once(&mut annotations, unless_null(reader, pairs)?),
        _ => reader.skip(),
    })?;
    Ok(Metadata { labels: labels.flatten(), annotations: annotations.flatten() })
}

fn pairs<'a>(reader: &mut Reader<'a>) -> Result<Pairs<'a>, Fail> {
    let mut pairs = Vec::with_capacity(8);
    reader.members(&mut |reader, key| {
        pairs.push((Text(Cow::Borrowed(key)), reader.take_text()?));
        Ok(())
    })?;
    Ok(Pairs(pairs))
}
