//! Replaces each call of a local function by the function's nodes.
//!
//! Exporters such as torch.dynamo and onnxscript write parts of a graph as functions in the file.
//! tract and our reader know operators only. A call's inputs, outputs and attributes replace the
//! function's own; all other names get a prefix that occurs nowhere else. Depth, number and size
//! are limited, because a short file can describe a graph that no memory holds.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};

/// The deepest nesting of calls.
const MOST_DEPTH: usize = 32;
/// The most nodes after inlining.
const MOST_NODES: usize = 100_000;
/// The most bytes of nodes that are copied out of functions.
const MOST_BYTES: usize = 256 << 20;

/// The functions of a file. The definitions of tract lack the defaults of attributes, and those of
/// the lean build lack functions.
#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    output: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(string, tag = "10")]
    domain: String,
    #[prost(message, repeated, tag = "11")]
    defaults: Vec<AttributeProto>,
}

/// Replaces the calls in `proto`, which was read from `bytes`.
pub(super) fn inline(proto: &mut ModelProto, bytes: &[u8]) -> Result<(), String> {
    let functions = File::decode(bytes).map_err(|e| e.to_string())?.functions;
    let Some(graph) = proto.graph.as_mut().filter(|_| !functions.is_empty()) else {
        return Ok(());
    };
    let mut root = "fn.".to_owned();
    while is_taken(graph, &root) {
        root.insert(0, '_');
    }
    let mut by_name: HashMap<_, Vec<&Function>> = HashMap::new();
    for function in &functions {
        let key = (domain(&function.domain), function.name.as_str());
        by_name.entry(key).or_default().push(function);
    }
    let mut inliner = Inliner {
        by_name,
        opset: opset(&proto.opset_import),
        root,
        calls: 0,
        nodes: 0,
        bytes: 0,
    };
    let nodes = std::mem::take(&mut graph.node);
    graph.node = inliner.list(nodes, 0)?;
    #[cfg(feature = "tract")]
    proto.functions.clear();
    Ok(())
}

/// ONNX's own domain has two names.
fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// The version of ONNX's own operators.
fn opset(imports: &[OperatorSetIdProto]) -> Option<i64> {
    let own = imports
        .iter()
        .find(|import| domain(&import.domain).is_empty());
    own.map(|import| import.version)
}

/// Whether a name in `graph` starts with `root`.
fn is_taken(graph: &GraphProto, root: &str) -> bool {
    let taken = |name: &String| name.starts_with(root);
    let tensors = graph.initializer.iter().map(|t| &t.name);
    if tensors
        .chain(graph.input.iter().map(|i| &i.name))
        .any(taken)
    {
        return true;
    }
    graph.node.iter().any(|node| {
        #[cfg(feature = "tract")]
        for inner in node
            .attribute
            .iter()
            .flat_map(|a| a.g.iter().chain(&a.graphs))
        {
            if is_taken(inner, root) {
                return true;
            }
        }
        node.input.iter().chain(&node.output).any(taken)
    })
}

struct Inliner<'a> {
    by_name: HashMap<(&'a str, &'a str), Vec<&'a Function>>,
    opset: Option<i64>,
    /// Starts the names from functions, and no other name.
    root: String,
    calls: usize,
    nodes: usize,
    bytes: usize,
}

impl Inliner<'_> {
    fn list(&mut self, nodes: Vec<NodeProto>, depth: usize) -> Result<Vec<NodeProto>, String> {
        let mut inlined = Vec::with_capacity(nodes.len());
        for node in nodes {
            #[cfg(feature = "tract")]
            let node = self.within(node, depth)?;
            let key = (domain(&node.domain), node.op_type.as_str());
            match self.by_name.get(&key).map(Vec::as_slice) {
                None => {
                    self.nodes += 1;
                    inlined.push(node);
                }
                Some(&[function]) => {
                    if depth == MOST_DEPTH {
                        let name = &function.name;
                        return Err(format!(
                            "function {name:?} is called at depth {MOST_DEPTH}, or calls itself"
                        ));
                    }
                    let body = self.body(&node, function)?;
                    inlined.extend(self.list(body, depth + 1)?);
                }
                Some(_) => {
                    return Err(format!("it defines function {:?} twice", node.op_type));
                }
            }
            if self.nodes.max(self.calls) > MOST_NODES || self.bytes > MOST_BYTES {
                return Err(format!(
                    "its functions make more than {MOST_NODES} nodes or {MOST_BYTES} bytes"
                ));
            }
        }
        Ok(inlined)
    }

    /// The node with the calls in its nested graphs replaced.
    #[cfg(feature = "tract")]
    fn within(&mut self, mut node: NodeProto, depth: usize) -> Result<NodeProto, String> {
        for attribute in &mut node.attribute {
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                let inner = std::mem::take(&mut graph.node);
                graph.node = self.list(inner, depth)?;
            }
        }
        Ok(node)
    }

    /// The nodes of `function` with the names and attributes of its `call`.
    fn body(&mut self, call: &NodeProto, function: &Function) -> Result<Vec<NodeProto>, String> {
        let name = &function.name;
        if call.input.len() > function.input.len() || call.output.len() > function.output.len() {
            return Err(format!(
                "function {name:?} is called with more inputs or outputs than it has"
            ));
        }
        let own = opset(&function.opset_import);
        if own.is_some() && own != self.opset {
            let show = |version: Option<i64>| version.map_or("none".to_owned(), |v| v.to_string());
            return Err(format!(
                "function {name:?} uses opset {}, its graph opset {}",
                show(own),
                show(self.opset)
            ));
        }
        self.calls += 1;
        self.bytes += function
            .node
            .iter()
            .map(Message::encoded_len)
            .sum::<usize>();
        if self.bytes > MOST_BYTES {
            return Ok(Vec::new());
        }
        let mut scope = self.scope(call, function);
        let mut nodes = Vec::with_capacity(function.node.len());
        for node in &function.node {
            let mut node = node.clone();
            scope.rename(&mut node);
            nodes.push(node);
        }
        let mut given = HashSet::new();
        for (inner, outer) in function.output.iter().zip(&call.output) {
            // An output that is an input, or is there twice, keeps its first name.
            if !outer.is_empty() && !given.insert(inner) | function.input.contains(inner) {
                nodes.push(NodeProto {
                    op_type: "Identity".to_owned(),
                    input: vec![scope.name(inner)],
                    output: vec![outer.clone()],
                    ..NodeProto::default()
                });
            }
        }
        Ok(nodes)
    }

    fn scope<'a>(&self, call: &'a NodeProto, function: &'a Function) -> Scope<'a> {
        let prefix = format!("{}{}.", self.root, self.calls);
        let mut names = HashMap::new();
        let absent = String::new();
        for (index, inner) in function.input.iter().enumerate() {
            let outer = call.input.get(index).unwrap_or(&absent);
            names.insert(inner.clone(), outer.clone());
        }
        for (inner, outer) in function.output.iter().zip(&call.output) {
            if !outer.is_empty() {
                names.entry(inner.clone()).or_insert_with(|| outer.clone());
            }
        }
        let defaults = function.defaults.iter();
        let attributes = defaults.chain(&call.attribute);
        Scope {
            prefix,
            names,
            attributes: attributes.map(|a| (a.name.as_str(), a)).collect(),
        }
    }
}

/// The names and attributes inside one call.
struct Scope<'a> {
    prefix: String,
    names: HashMap<String, String>,
    /// Those of the call precede defaults.
    attributes: HashMap<&'a str, &'a AttributeProto>,
}

impl Scope<'_> {
    fn name(&mut self, inner: &str) -> String {
        if inner.is_empty() {
            return String::new();
        }
        if let Some(name) = self.names.get(inner) {
            return name.clone();
        }
        let name = format!("{}{inner}", self.prefix);
        self.names.insert(inner.to_owned(), name.clone());
        name
    }

    fn rename(&mut self, node: &mut NodeProto) {
        for name in node.input.iter_mut().chain(&mut node.output) {
            *name = self.name(name);
        }
        // tract calls a node without a name by its output.
        if !node.name.is_empty() {
            node.name.insert_str(0, &self.prefix);
        }
        let attributes = std::mem::take(&mut node.attribute);
        node.attribute = attributes
            .into_iter()
            .filter_map(|attribute| self.resolve(attribute))
            .collect();
        #[cfg(feature = "tract")]
        for attribute in &mut node.attribute {
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                self.rename_graph(graph);
            }
        }
    }

    /// The attribute itself, or the one of the call to which it refers. `None` if the call has none.
    fn resolve(&self, attribute: AttributeProto) -> Option<AttributeProto> {
        if attribute.ref_attr_name.is_empty() {
            return Some(attribute);
        }
        let given = self.attributes.get(attribute.ref_attr_name.as_str())?;
        Some(AttributeProto {
            name: attribute.name,
            ..(*given).clone()
        })
    }

    #[cfg(feature = "tract")]
    fn rename_graph(&mut self, graph: &mut GraphProto) {
        graph.value_info.clear();
        for tensor in &mut graph.initializer {
            tensor.name = self.name(&tensor.name);
        }
        for info in graph.input.iter_mut().chain(&mut graph.output) {
            info.name = self.name(&info.name);
        }
        for node in &mut graph.node {
            self.rename(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        NodeProto {
            op_type: op.to_owned(),
            input: inputs.iter().map(|&n| n.to_owned()).collect(),
            output: outputs.iter().map(|&n| n.to_owned()).collect(),
            ..NodeProto::default()
        }
    }

    fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> Function {
        Function {
            name: name.to_owned(),
            input: inputs.iter().map(|&n| n.to_owned()).collect(),
            output: outputs.iter().map(|&n| n.to_owned()).collect(),
            node: nodes,
            ..Function::default()
        }
    }

    fn inlined(nodes: Vec<NodeProto>, functions: Vec<Function>) -> Result<Vec<NodeProto>, String> {
        let mut proto = ModelProto {
            graph: Some(GraphProto {
                node: nodes,
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        };
        inline(&mut proto, &File { functions }.encode_to_vec())?;
        Ok(proto.graph.unwrap().node)
    }

    fn shown(nodes: &[NodeProto]) -> Vec<String> {
        let show = |n: &NodeProto| format!("{}({})={}", n.op_type, n.input.join(","), n.output[0]);
        nodes.iter().map(show).collect()
    }

    #[test]
    fn names_of_a_call_replace_those_of_the_function_and_others_stay_apart() {
        let double = function(
            "F",
            &["a", "b"],
            &["o"],
            vec![
                node("Add", &["a", "a"], &["t"]),
                node("Clip", &["t", "b"], &["o"]),
            ],
        );
        let calls = vec![
            node("F", &["x"], &["fn.2.t"]),
            node("F", &["fn.2.t", "m"], &["y"]),
        ];
        let nodes = inlined(calls, vec![double]).unwrap();
        assert_eq!(
            shown(&nodes),
            [
                "Add(x,x)=_fn.1.t",
                "Clip(_fn.1.t,)=fn.2.t",
                "Add(fn.2.t,fn.2.t)=_fn.2.t",
                "Clip(_fn.2.t,m)=y",
            ]
        );
    }

    #[test]
    fn an_output_that_is_an_input_becomes_an_identity() {
        let through = function(
            "F",
            &["a"],
            &["a", "o", "o"],
            vec![node("Neg", &["a"], &["o"])],
        );
        let nodes = inlined(vec![node("F", &["x"], &["p", "q", "r"])], vec![through]).unwrap();
        assert_eq!(
            shown(&nodes),
            ["Neg(x)=q", "Identity(x)=p", "Identity(q)=r"]
        );
    }

    #[test]
    fn an_attribute_comes_from_the_call_or_its_default_or_is_left_out() {
        let refers = |name: &str, to: &str| AttributeProto {
            name: name.to_owned(),
            ref_attr_name: to.to_owned(),
            ..AttributeProto::default()
        };
        let value = |name: &str, i: i64| AttributeProto {
            name: name.to_owned(),
            i,
            ..AttributeProto::default()
        };
        let mut inner = node("Op", &["a"], &["o"]);
        inner.attribute = vec![
            refers("p", "given"),
            refers("q", "usual"),
            refers("r", "absent"),
        ];
        let mut of = function("F", &["a"], &["o"], vec![inner]);
        of.defaults = vec![value("given", 1), value("usual", 2)];
        let mut call = node("F", &["x"], &["y"]);
        call.attribute = vec![value("given", 3)];
        let nodes = inlined(vec![call], vec![of]).unwrap();
        assert_eq!(nodes[0].attribute, [value("p", 3), value("q", 2)]);
    }

    #[test]
    fn a_function_that_calls_itself_or_grows_without_end_is_rejected() {
        let itself = function("F", &["a"], &["o"], vec![node("F", &["a"], &["o"])]);
        let error = inlined(vec![node("F", &["x"], &["y"])], vec![itself]).unwrap_err();
        assert!(error.contains("calls itself"), "{error}");
        let level = |n: usize| {
            let call = |out: &str| node(&format!("F{}", n + 1), &["a"], &[out]);
            function(&format!("F{n}"), &["a"], &["o"], vec![call("t"), call("o")])
        };
        let functions = (0..30)
            .map(level)
            .chain([function("F30", &["a"], &["o"], vec![])]);
        let error = inlined(vec![node("F0", &["x"], &["y"])], functions.collect()).unwrap_err();
        assert!(error.contains("more than"), "{error}");
    }

    #[test]
    fn a_function_of_another_opset_or_with_too_many_inputs_is_rejected() {
        let mut other = function("F", &["a"], &["o"], vec![node("Neg", &["a"], &["o"])]);
        other.opset_import = vec![OperatorSetIdProto {
            domain: String::new(),
            version: 9,
        }];
        let call = || vec![node("F", &["x"], &["y"])];
        let error = inlined(call(), vec![other]).unwrap_err();
        assert!(error.contains("opset 9"), "{error}");
        let narrow = function("F", &[], &["o"], vec![]);
        let error = inlined(call(), vec![narrow]).unwrap_err();
        assert!(error.contains("more inputs"), "{error}");
    }
}
