/* Answers from a picture's bytes with TensorFlow's C library alone: no Python, no Keras.
   Usage: answer MODEL_DIRECTORY PICTURE INPUT OUTPUT, the last two as NAME:INDEX; prints the output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tensorflow/c/c_api.h"

static void check(TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) { fprintf(stderr, "%s\n", TF_Message(status)); exit(1); }
}

static TF_Output find(TF_Graph *graph, char *name) {
  char *colon = strchr(name, ':');
  *colon = 0;
  TF_Output found = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  return found;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  FILE *file = fopen(argv[2], "rb");
  if (!file) return 2;
  fseek(file, 0, SEEK_END);
  size_t size = ftell(file);
  rewind(file);
  char *bytes = malloc(size);
  if (fread(bytes, 1, size, file) != size) return 2;

  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status);

  int64_t one = 1;
  TF_Tensor *image = TF_AllocateTensor(TF_STRING, &one, 1, sizeof(TF_TString));
  TF_TString *string = TF_TensorData(image);
  TF_StringInit(string);
  TF_StringCopy(string, bytes, size);

  TF_Output in = find(graph, argv[3]), out = find(graph, argv[4]);
  TF_Tensor *label = NULL;
  TF_SessionRun(session, NULL, &in, &image, 1, &out, &label, 1, NULL, 0, NULL, status);
  check(status);
  TF_TString *answer = TF_TensorData(label);
  printf("%.*s\n", (int)TF_StringGetSize(answer), TF_StringGetDataPointer(answer));
  return 0;
}
