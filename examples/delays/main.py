"""Run once when the plugin is loaded, and again after a restart of the server."""

mldb.plugin.serve_documentation_folder("doc")  # GET /v1/plugins/delays/doc/
mldb.plugin.serve_static_folder("page", "static")  # GET /v1/plugins/delays/routes/page/
mldb.log("the plugin 'delays' answers under /v1/plugins/delays/routes")
