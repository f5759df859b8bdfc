//! The name server of a cluster, as kube-dns would be: it knows Services, istiod, and whatever a test adds.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// How long an answer may be kept, in seconds: not at all, since tests change them.
const TTL: u32 = 0;

/// The largest message of DNS over UDP that is asked here.
const MESSAGE: usize = 4096;

type Table = Arc<Mutex<BTreeMap<Name, Vec<Ipv4Addr>>>>;

/// What one name server knows.
pub(super) struct Names(Table);

impl Names {
    /// Starts a name server on this address. It ends with the process.
    pub(super) fn start(address: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((address, 53)).expect("an address of our own namespace");
        let table = Table::default();
        let known = Arc::clone(&table);
        thread::spawn(move || serve(&socket, &known));
        Self(table)
    }

    /// From now on the name has these addresses only.
    pub(super) fn set(&self, name: &str, addresses: Vec<Ipv4Addr>) {
        let mut name = Name::from_utf8(name).expect("a name of DNS");
        name.set_fqdn(true);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_lowercase(), addresses);
    }
}

fn serve(socket: &UdpSocket, known: &Table) {
    let mut buffer = [0; MESSAGE];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                let answer = answer(&buffer[..length], known);
                // Who asked may have gone away.
                let _ = answer.map(|answer| socket.send_to(&answer, from));
            }
            // That a former asker has gone away can be told here.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => panic!("the name server cannot receive: {error}"),
        }
    }
}

/// The answer to a question; none to what is no question.
fn answer(question: &[u8], known: &Table) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(question).ok()?;
    let query = message.queries.first()?.clone();
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let addresses = known.get(&query.name().to_lowercase());
    message.metadata.message_type = MessageType::Response;
    message.metadata.authoritative = true;
    message.metadata.recursion_available = true;
    message.additionals.clear();
    message.edns = None;
    match addresses {
        Some(addresses) if query.query_type() == RecordType::A => {
            for &address in addresses {
                message.add_answer(Record::from_rdata(query.name().clone(), TTL, RData::A(address.into())));
            }
        }
        Some(_) => {}
        None => message.metadata.response_code = ResponseCode::NXDomain,
    }
    message.to_vec().ok()
}
