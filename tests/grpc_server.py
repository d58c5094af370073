"""TensorFlow Serving's prediction service on its official stubs, for tests."""

import concurrent.futures
import contextlib

import grpc
import rest_server
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@contextlib.contextmanager
def serve(signatures, name):
    """Serves the signatures of a loaded SavedModel on loopback; yields a stub."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            signature = signatures.get(request.model_spec.signature_name or "serving_default")
            if request.model_spec.name != name or signature is None:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such model or signature")
            try:
                inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
                outputs = rest_server.call(signature, inputs)
            except (rest_server.Refused, ValueError) as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            response = predict_pb2.PredictResponse()
            for key in request.output_filter or outputs:
                response.outputs[key].CopyFrom(tf.make_tensor_proto(outputs[key]))
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), options=OPTIONS)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)
    server.stop(None).wait()


def request(name, signature, **inputs):
    """A `PredictRequest`."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name, made.model_spec.signature_name = name, signature
    for key, value in inputs.items():
        made.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return made
